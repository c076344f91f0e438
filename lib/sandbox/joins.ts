import { type ChildProcess, fork, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { type ConfirmOptions, FreezeClosedError, FreezeMode, type FreezeState } from '../api';
import { clock } from '../clock';
import { joinerProgram } from '../joiner';
import { callOfJoiner, type JoinerCall } from './joiner-arguments';
import { hasEnded } from './works';

type Start = (...given: unknown[]) => ChildProcess;

/** For so many milliseconds a freeze waits for children that are joining. After that it goes on, and waits in the kernel. */
const patience = 100;

/** The joins of all sandboxes in this thread, each until its program begins: the kernel does one join or freeze after the other. */
const joining = new Map<Promise<void>, FreezeState>();

/** Users whose children may not execute the joiner: Node starts their programs at once. */
const barred = new Set<string>();

/**
 * Children that move themselves into the control group before they execute their programs, in mode `cgroup`. So the child waits
 * for the kernel, and this thread does not.
 */
export class Joins {
  readonly #children = new WeakSet<ChildProcess>();
  /** The group's cgroup.procs, which stays open: opening it takes some 60 µs of this thread. */
  #procs: number | undefined;

  constructor(private readonly state: FreezeState) {}

  /**
   * Starts a child that joins.
   *
   * @param given the arguments of `spawn` or `fork`, with options.
   * @returns `undefined` if Node is to start it; then it has to be moved.
   */
  start(given: readonly unknown[], isFork: boolean): ChildProcess | undefined {
    const joiner = this.state.cgroup === undefined ? undefined : joinerProgram();
    const procs = joiner === undefined ? undefined : this.#open();
    if (joiner === undefined || procs === undefined) return undefined;
    const call = callOfJoiner(given, { joiner, procs, isFork });
    return call === undefined ? undefined : this.#start(call, isFork);
  }

  /** For the end of the sandbox, or of the state. */
  close(): void {
    if (this.#procs !== undefined) closeSync(this.#procs);
    this.#procs = undefined;
  }

  #open(): number | undefined {
    const { cgroup } = this.state;
    try {
      if (cgroup !== undefined) this.#procs ??= openSync(join(cgroup, 'cgroup.procs'), constants.O_WRONLY);
    } catch {
      return undefined;
    }
    return this.#procs;
  }

  /** Whether it was started so. */
  has(child: ChildProcess): boolean {
    return this.#children.has(child);
  }

  /**
   * Waits until the children that are joining have joined, for a while, and no longer than a freeze with these options may take.
   * `undefined` if none is joining, or nothing is to be frozen.
   */
  allJoined({ timeout = patience, signal }: ConfirmOptions): Promise<unknown> | undefined {
    if (joining.size === 0 || this.state.mode !== FreezeMode.Cgroup || this.state.isFrozen) return undefined;
    // A child that joins a frozen group has joined only when that is thawed.
    const waits = [...joining].filter(([, state]) => !isFrozen(state)).map(([joined]) => joined);
    if (waits.length === 0 || signal?.aborted) return undefined;
    let end = (): void => undefined;
    const limit = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = clock.setTimeout(end, Math.min(patience, timeout));
    signal?.addEventListener('abort', end);
    return Promise.race([Promise.all(waits), limit]).finally(() => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    });
  }

  #start({ given, user, file, argv0, count }: JoinerCall, isFork: boolean): ChildProcess | undefined {
    if (barred.has(user)) return undefined;
    let child: ChildProcess;
    try {
      child = (isFork ? (fork as Start) : (spawn as Start))(...given);
    } catch {
      return undefined;
    }
    if (child.pid === undefined) {
      // Node reports what is wrong with the program.
      child.on('error', ({ code }: NodeJS.ErrnoException) => {
        if (code === 'EACCES') barred.add(user);
      });
      return undefined;
    }
    const stdio = child.stdio as unknown as unknown[];
    const status = stdio[count + 1] as Socket;
    // Only the child keeps the event loop alive, unless its user says otherwise. Its `close` waits for this pipe, which has ended
    // by its exit, though the loop may not have read that yet.
    status.unref();
    child.once('exit', () => status.ref());
    stdio.length = count;
    child.spawnargs[0] = argv0;
    (child as { spawnfile: string }).spawnfile = file;
    this.#children.add(child);
    const joined = this.#follow(child, child.pid, status);
    joining.set(joined, this.state);
    void joined.then(() => joining.delete(joined));
    return child;
  }

  /** Resolves when its program begins, or it has ended. */
  #follow(child: ChildProcess, pid: number, status: Socket): Promise<void> {
    status.on('data', (line: Buffer) => {
      const [, what, number] = /^(join|exec) (\d+)\n$/.exec(line.toString()) ?? [];
      if (what === 'join') this.#move(child, pid, status);
      else if (what === 'exec') child.emit('error', execError(child, Number(number)));
    });
    // It was killed.
    status.on('error', () => undefined);
    return new Promise((resolve) => {
      status.on('close', () => {
        this.#joined(child, pid);
        resolve();
      });
    });
  }

  /** It could not join, and waits before its program begins. We may be allowed to move it. */
  #move(child: ChildProcess, pid: number, status: Socket): void {
    if (hasEnded(child)) return;
    try {
      if (this.state.pids.includes(pid)) this.state.registerPid(pid);
    } catch (error) {
      if (!(error instanceof FreezeClosedError)) {
        child.kill('SIGKILL');
        child.emit('error', error);
        return;
      }
    }
    status.write('.');
  }

  /** From now on it has to be inside, as any member. */
  #joined(child: ChildProcess, pid: number): void {
    if (hasEnded(child)) return;
    try {
      if (this.state.pids.includes(pid)) this.state.registerPid(pid);
    } catch {
      // The state is closed; or the child has left, and cannot be moved in. Then the next freeze says so.
    }
  }
}

function isFrozen(state: FreezeState): boolean {
  try {
    return state.isFrozen;
  } catch {
    // It is closed.
    return false;
  }
}

/** The error that Node makes for a program that it cannot execute. */
function execError({ spawnfile, spawnargs }: ChildProcess, errno: number): Error {
  const code = getSystemErrorName(-errno);
  const syscall = `spawn ${spawnfile}`;
  return Object.assign(new Error(`${syscall} ${code}`), {
    errno: -errno,
    code,
    syscall,
    path: spawnfile,
    spawnargs: spawnargs.slice(1),
  });
}
