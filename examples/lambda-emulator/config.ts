import { randomBytes } from 'node:crypto';
import { FreezeMode } from 'freeze-state';
import type { LogEntry } from './log';

/** Lambda's own default. */
export const defaultMemoryMb = 128;

/** A process of the sandbox: the name it has in the log, and its command, for `/bin/sh`. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
}

/** What a sandbox is made of. Everything has a default but the runtime's command. */
export interface SandboxConfig {
  readonly runtime: ProcessSpec;
  readonly extensions: readonly ProcessSpec[];
  /** `FreezeMode.None` runs the same life without a freeze. */
  readonly freeze: FreezeMode;
  /** Milliseconds from "everyone is parked" to the freeze. Work that arrives in between cancels it. */
  readonly graceMs: number;
  /** Milliseconds an invocation may take, until the runtime and the extensions are parked again. */
  readonly timeoutMs: number;
  /** Milliseconds the init may take; Lambda gives it ten seconds. */
  readonly initTimeoutMs: number;
  /** A port of 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly memoryMb: number;
  readonly region: string;
  readonly accountId: string;
  /** Names the log stream, as the id of a Lambda sandbox does. */
  readonly instanceId: string;
  /** Is called with everything that happens. Without it nothing is read for the log, which saves time in each invocation. */
  readonly onLog: ((entry: LogEntry) => void) | undefined;
}

/** Fills in what is not given. */
export function withDefaults(given: Partial<SandboxConfig> & Pick<SandboxConfig, 'runtime'>): SandboxConfig {
  return {
    extensions: [],
    freeze: FreezeMode.Process,
    graceMs: 0,
    timeoutMs: 30_000,
    initTimeoutMs: 10_000,
    port: 0,
    functionName: 'function',
    functionVersion: '$LATEST',
    handler: 'index.handler',
    memoryMb: defaultMemoryMb,
    region: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    accountId: '012345678912',
    instanceId: randomBytes(16).toString('hex'),
    onLog: undefined,
    ...given,
  };
}

/** The ARN that the function is invoked by. */
export function functionArn({ region, accountId, functionName }: SandboxConfig): string {
  return `arn:aws:lambda:${region}:${accountId}:function:${functionName}`;
}
