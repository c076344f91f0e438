/// <reference types="node" preserve="true" />
export { Sandbox } from './sandbox';
export type { TerminateMessage } from './tracing';
export type { EndedProcess, SandboxEvents, SandboxOptions, TerminateOptions, Work, WorkOptions } from './types';
