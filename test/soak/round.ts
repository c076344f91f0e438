// One round: 20 states, 4 threads, and members that come, go and are killed. In the end all is closed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { adopt, end } from '../helpers/children';
import { listsDescendants } from '../helpers/descendants';
import { isStopped } from '../helpers/proc';
import { targetProgram } from '../helpers/programs';
import { mark, marked, within } from './leftovers';

const stateCount = 20;
const threadCount = 4;
const memberCount = 3;
const modes = Object.values(FreezeMode).filter((mode) => FreezeState.capabilities.modes[mode].available);
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

/** What a member is: alone, with threads, or, where the mode covers them, with children. */
function words(mode: FreezeMode): string[] {
  const some = [['sleep'], ['sleep'], ['threads', '4']];
  return pick(listsDescendants(mode) ? [...some, ['tree', '2', '1']] : some);
}

/** A state and its members. */
class Sandbox {
  readonly state: FreezeState;
  #members: ChildProcess[] = [];

  constructor(readonly mode: FreezeMode) {
    this.state = new FreezeState(mode);
  }

  get living(): number[] {
    return this.#members.filter(isAlive).map(({ pid }) => pid as number);
  }

  /** One comes, or one goes, which the state is told of or not. */
  change(): 'joined' | 'left' | 'killed' {
    this.#members = this.#members.filter(isAlive);
    if (this.#members.length < memberCount) {
      this.#join();
      return 'joined';
    }
    const [member] = this.#members.splice(Math.floor(Math.random() * memberCount), 1) as [ChildProcess];
    const isTold = Math.random() < 0.5;
    if (isTold) this.state.unregisterPid(member.pid as number);
    void end(member);
    return isTold ? 'left' : 'killed';
  }

  /** Freezes, if there is anybody, and closes with that. */
  finish(): string[] {
    const { state, mode, living } = this;
    const found = state.holdCount === 0 ? [] : [`${state.holdCount} holds are left in mode ${mode}`];
    const isFreezable = mode !== FreezeMode.None && living.length > 0;
    if (isFreezable && !state.freezeAtEpoch(state.currentEpoch)) found.push(`mode ${mode} does not freeze any more`);
    const awake = isFreezable ? living.filter((pid) => !isStopped(pid)) : [];
    if (awake.length > 0) found.push(`${awake} run while mode ${mode} is frozen`);
    state.close();
    return found;
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(end));
  }

  #join(): void {
    const member = adopt(
      spawn(targetProgram, words(this.mode), { stdio: ['pipe', 'ignore', 'ignore'], detached: true }),
    );
    // Killed with input unread.
    member.stdin?.on('error', () => undefined);
    this.#members.push(member);
    this.state.registerPid(member.pid as number);
  }
}

/** The threads, of which one is terminated now and then for another to take its place. */
class Threads {
  readonly #workers: Worker[] = [];

  constructor(
    readonly data: { handles: unknown[]; counters: Int32Array },
    readonly found: string[],
  ) {
    for (let i = 0; i < threadCount; i += 1) this.#start();
  }

  #start(): void {
    const worker = new Worker(join(__dirname, 'fixtures/worker.mjs'), { workerData: this.data, execArgv: [] });
    worker.on('message', (error: string) => this.found.push(`in a thread: ${error}`));
    worker.on('error', (error) => this.found.push(`a thread ended: ${error.stack}`));
    this.#workers.push(worker);
  }

  async replaceOne(): Promise<void> {
    await this.#workers.shift()?.terminate();
    this.#start();
  }

  async end(): Promise<void> {
    for (const worker of this.#workers) worker.postMessage('end');
    await Promise.all(this.#workers.map((worker) => worker.threadId > 0 && once(worker, 'exit')));
  }
}

function killGuardian(): void {
  const { pid } = FreezeState.capabilities.guardian as { pid?: number };
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

/** What was done, and what was found. In every third round the guardian is killed before the end. */
export async function playRound(
  round: number,
  seconds: number,
): Promise<{ counts: Record<string, number>; found: string[] }> {
  const found: string[] = [];
  const sandboxes = Array.from({ length: stateCount }, (_, i) => new Sandbox(modes[i % modes.length] as FreezeMode));
  const counters = new Int32Array(new SharedArrayBuffer(16));
  const threads = new Threads({ handles: sandboxes.map(({ state }) => state.share()), counters }, found);
  const changes = { joined: 0, left: 0, killed: 0, terminated: 0 };

  const start = performance.now();
  while (performance.now() < start + seconds * 1000) {
    try {
      changes[pick(sandboxes).change()] += 1;
    } catch (error) {
      found.push(`a member: ${(error as Error).stack}`);
    }
    if (Math.random() < 0.02) {
      await threads.replaceOne();
      changes.terminated += 1;
    }
    await pause(Math.random() * 20);
  }
  if (round % 3 === 2) killGuardian();

  await threads.end();
  for (const sandbox of sandboxes) {
    try {
      found.push(...sandbox.finish());
    } catch (error) {
      found.push(`at the end: ${(error as Error).stack}`);
    }
  }
  const stopped = (): number[] =>
    marked(process.env[mark])
      .filter(({ state }) => state === 'T')
      .map(({ pid }) => pid);
  found.push(
    ...(await within(
      5000,
      () => stopped().length === 0,
      () => `${stopped()} are stopped`,
    )),
  );
  await Promise.all(sandboxes.map((sandbox) => sandbox.end()));
  const [freezes = 0, confirmations = 0, thaws = 0, calls = 0] = counters;
  return { counts: { freezes, confirmations, thaws, calls, ...changes }, found };
}
