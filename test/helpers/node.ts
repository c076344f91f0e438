import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import type { ResourceLimits, Worker } from 'node:worker_threads';
import type * as FreezeStateModule from 'freeze-state';
import { expect } from 'vitest';
import type { Piped } from './children';
import { childEnvironment } from './environment';
import { start } from './processes';
import { launchProgram } from './programs';

/** What {@link valueInNode}'s function is given; child.cjs. */
export interface Tools extends Omit<typeof FreezeStateModule, never> {
  letterOf(pid: number): string;
  untilNow(condition: () => boolean, what: string): void;
  stoppedNow(...pids: number[]): void;
  runningNow(...pids: number[]): void;
  /** What the operation returns when no descriptor is left for it; for a process that has few. */
  full<T>(operation: () => T): T;
  turn(): Promise<void>;
  openPidfds(): number;
  worker<A extends unknown[]>(body: (tools: Tools, ...args: A) => unknown, ...args: A): Worker;
  workerWith<A extends unknown[]>(
    limits: ResourceLimits,
    body: (tools: Tools, ...args: A) => unknown,
    ...args: A
  ): Worker;
  spawnTarget(...args: string[]): ChildProcess & { readonly pid: number };
  /** The same, in a session and a group of its own. */
  spawnLeader(...args: string[]): ChildProcess & { readonly pid: number };
  /** How the operation failed, as plain data. */
  failure(operation: () => unknown): Failure;
}

export interface Failure {
  readonly returned?: unknown;
  readonly name?: string;
  readonly code?: string;
  readonly pid?: number;
  readonly errno?: number;
  readonly syscall?: string;
  readonly message?: string;
  readonly errors?: { name: string; pid: number }[];
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeOptions {
  /** Options of node itself. */
  readonly node?: readonly string[];
  /** Words for launch.c. */
  readonly launch?: readonly string[];
  /** A program that runs node: `unshare`, say. */
  readonly under?: readonly string[];
}

type Body<A extends unknown[]> = (tools: Tools, ...args: A) => unknown;

const load = createRequire(__filename);
const { source } = load('./fixtures/child.cjs') as { source(body: Body<never>, args: readonly unknown[]): string };

/** Starts a Node process of its own that runs the function. It must use nothing but its arguments and what is global. */
export function startInNode<A extends unknown[]>(
  body: Body<A>,
  args: [...A],
  { node = [], launch = ['none'], under = [] }: NodeOptions = {},
): Piped {
  const command = [...launch, '--', ...under, process.execPath, ...node, '-e', source(body, args)];
  return start(launchProgram, command, {
    // For one that hangs; the test has more.
    timeout: 90_000,
    killSignal: 'SIGKILL',
    env: childEnvironment(),
  });
}

/** The same, and waits for its end. */
export async function runInNode<A extends unknown[]>(
  body: Body<A>,
  args: [...A],
  options: NodeOptions = {},
): Promise<Ending> {
  const child = startInNode(body, args, options);
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  const [code, signal] = exit as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** The same, and gives what the function returns or resolves with, as JSON carries it. The process must end well. */
export async function valueInNode<R, A extends unknown[]>(
  body: (tools: Tools, ...args: A) => R,
  args: [...A],
  options?: NodeOptions,
): Promise<Awaited<R>> {
  const { stdout, ...ending } = await runInNode(body, args, options);
  expect(ending).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout) as Awaited<R>;
}
