export { Sandbox } from './sandbox';
export type { EndedProcess, SandboxEvents, SandboxOptions, TerminateOptions, Work, WorkOptions } from './types';
