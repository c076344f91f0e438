// Child processes that end with this one at the latest. Without vitest, so that the benchmark can use it too; the tests
// import processes.ts, which ends them after each test.
import { type ChildProcess, type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

const started = new Set<ChildProcess>();
/** Their pipes may be open, also after they have exited. */
const piped = new Set<ChildProcess>();
/** Each has a zombie, which it would leave to init if it were killed. */
const reapers = new WeakSet<ChildProcess>();
/** Each leads a group that is to end with it. */
const leaders = new Set<ChildProcess>();

/** Has {@link end} close the child's input instead of killing it, so that it reaps its zombie. */
export function endByInput(child: ChildProcess): void {
  reapers.add(child);
}

/** Has the process group that the child leads end with it. */
export function endWithGroup(child: ChildProcess): void {
  leaders.add(child);
}

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // No process is left in it.
  }
}

/** Has the child end with this process at the latest. */
export function adopt<T extends ChildProcess>(child: T): T {
  started.add(child);
  child.once('exit', () => started.delete(child));
  piped.add(child);
  child.once('close', () => piped.delete(child));
  return child;
}

/** Spawns a process that ends with this one at the latest. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): Piped {
  const child = adopt(spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] }) as Piped);
  // It ended with input unread: no matter.
  child.stdin.on('error', () => undefined);
  return child;
}

export async function end(child: ChildProcess): Promise<void> {
  // First, while its pid is its own: the processes of its group may outlive it.
  if (leaders.has(child) && child.pid !== undefined) killGroup(child.pid);
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  child.kill('SIGCONT');
  if (reapers.has(child)) child.stdin?.end();
  else child.kill('SIGKILL');
  await exit;
}

/** Leaves the next test neither a process nor a descriptor: Node closes the pipes of a child some turns after its exit. */
export async function endAll(): Promise<void> {
  await Promise.all([...started, ...leaders].map(end));
  leaders.clear();
  for (const { stdio } of piped) for (const pipe of stdio) pipe?.destroy();
  piped.clear();
}

// Where this process is ended early; a kernel that misses even this has the targets' PR_SET_PDEATHSIG.
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  for (const { pid } of leaders) if (pid !== undefined) killGroup(pid);
});
