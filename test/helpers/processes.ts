import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { end, endAll, endByInput, endWithGroup, type Piped, start } from './children';
import { zombieNow } from './proc';
import { launchProgram, targetProgram } from './programs';
import { until } from './until';

export { endAll, start } from './children';

/** A process that the test may freeze. */
export interface Target {
  readonly pid: number;
  readonly child: Piped;
}

/** No process has this pid: Linux stops at 2^22. */
export const impossiblePid = 2 ** 31 - 1;

/** The user that owns nothing. */
export const nobody = 65_534;

/** Whether a process can be made that user's, and still finds this package: as root, outside of a closed home directory. */
export const canBecomeNobody =
  spawnSync(launchProgram, [`user=${nobody}`, '--', 'test', '-r', join(__dirname, 'fixtures/child.cjs')]).status === 0;

// The processes of a file that imports this one are ended after each test.
afterEach(endAll);

export interface TargetOptions {
  /** The owner; needs root. */
  readonly user?: number;
  /** In a session of its own. */
  readonly detached?: boolean;
}

function target(args: readonly string[], { user, detached = false }: TargetOptions = {}): Target {
  const child =
    user === undefined
      ? start(targetProgram, args, { detached })
      : start(launchProgram, [`user=${user}`, '--', targetProgram, ...args], { detached });
  if (child.pid === undefined) throw new Error(`${targetProgram} does not start`);
  return { pid: child.pid, child };
}

/** A process that sleeps until its input ends, and then exits with the code. */
export function sleeper(options: TargetOptions & { exitCode?: number } = {}): Target {
  return target(['sleep', String(options.exitCode ?? 0)], options);
}

export function sleepers(count: number, options: TargetOptions = {}): Target[] {
  return Array.from({ length: count }, () => sleeper(options));
}

/** A process that keeps a processor busy. */
export function spinner(options: TargetOptions = {}): Target {
  return target(['spin'], options);
}

/** A process of several threads, one of which calls execve(2) all the time. */
export function execer(options: TargetOptions = {}): Target {
  return target(['exec'], options);
}

async function firstNumber({ stdout }: Piped): Promise<number> {
  const [line] = (await once(stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

/** A process that has others, of a group of its own that ends with the test. */
export interface Family extends Target {
  /** Those that its program prints: with itself, or without. */
  readonly pids: readonly number[];
}

/** Starts `target` with these words, and waits until it has printed so many pids. */
export async function family(
  words: readonly string[],
  count: number,
  options: TargetOptions = { detached: true },
): Promise<Family> {
  const { pid, child } = target(words, options);
  endWithGroup(child);
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const pids = (): number[] => printed.split('\n').slice(0, -1).map(Number);
  await until(() => pids().length >= count, `${words.join(' ')} printed ${count} pids`);
  return { pid, child, pids: pids() };
}

/** A process and its descendants: so many children each, so many levels deep; itself comes first. */
export async function tree(width: number, depth: number): Promise<Family> {
  let count = 1;
  for (let level = 1; level <= depth; level += 1) count += width ** level;
  const { pids, ...root } = await family(['tree', String(width), String(depth)], count);
  return { ...root, pids: [root.pid, ...pids.filter((one) => one !== root.pid)] };
}

/** The pid of a process that has exited and that its parent, which is not this process, does not reap. */
export function zombieOfAnother(): Promise<number> {
  const { child } = target(['zombie']);
  endByInput(child);
  return firstNumber(child);
}

/** A thread's id, of another process. */
export function foreignThread(): Promise<number> {
  return firstNumber(target(['thread']).child);
}

/** Kills a child of ours; it is a zombie until the next turn of the event loop. */
export function killNow({ pid, child }: Target): void {
  child.kill('SIGKILL');
  zombieNow(pid);
}

/** Kills a child of ours and waits until it is gone for good. */
export function killed({ child }: Target): Promise<void> {
  return end(child);
}

/** Lets a sleeper exit, and gives its code. */
export async function exitCodeOf({ child }: Target): Promise<number | null> {
  const exit = once(child, 'exit');
  child.stdin.end();
  const [code] = (await exit) as [number | null];
  return code;
}
