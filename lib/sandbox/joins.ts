import { type ChildProcess, fork, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfirmOptions, FreezeState } from '../api';
import { clock } from '../clock';
import { joinerProgram } from '../joiner';
import { Join } from './join';
import { callOfJoiner, type JoinerCall } from './joiner-arguments';
import { Reports } from './reports';

type Start = (...given: unknown[]) => ChildProcess;

/** For so many milliseconds a freeze waits for children that are joining. After that it goes on, and waits in the kernel. */
const patience = 100;

/** The joins of all sandboxes in this thread, each until its program begins: the kernel does one join or freeze after the other. */
const joining = new Set<Join>();

/** Users whose children may not execute the joiner: Node starts their programs at once. */
const barred = new Set<string>();

/**
 * Children that move themselves into the control group before they execute their programs, in mode `cgroup`. So the child waits
 * for the kernel, and this thread does not.
 */
export class Joins {
  /** The group's cgroup.procs, which stays open: opening it takes some 60 µs of this thread. */
  #procs: number | undefined;
  /** The effective user who opened it: since Linux 5.16 it has that user's rights, whoever writes to it. */
  #opener: number | undefined;
  #reports: Reports | undefined;

  constructor(private readonly state: FreezeState) {}

  /**
   * Starts a child that joins.
   *
   * @param given the arguments of `spawn` or `fork`, with options.
   * @returns `undefined` if Node is to start it; then it has to be moved.
   */
  start(given: readonly unknown[], isFork: boolean): ChildProcess | undefined {
    const joiner = joinerProgram();
    const procs = joiner === undefined ? undefined : this.#open();
    if (joiner === undefined || procs === undefined) return undefined;
    this.#reports ??= Reports.join();
    if (this.#reports === undefined) return undefined;
    const number = this.#reports.next();
    const call = callOfJoiner(given, { joiner, procs, reports: this.#reports.writer, number, isFork });
    return call === undefined ? undefined : this.#start(call, isFork, this.#reports, number);
  }

  /** For the end of the sandbox, or of the state. */
  close(): void {
    this.#closeProcs();
    this.#reports?.leave();
    this.#reports = undefined;
  }

  #closeProcs(): void {
    if (this.#procs !== undefined) closeSync(this.#procs);
    this.#procs = undefined;
  }

  #open(): number | undefined {
    const user = process.geteuid?.();
    if (this.#procs !== undefined && this.#opener === user) return this.#procs;
    this.#closeProcs();
    this.#opener = user;
    const { cgroup } = this.state;
    try {
      if (cgroup !== undefined) this.#procs = openSync(join(cgroup, 'cgroup.procs'), constants.O_WRONLY);
    } catch {
      return undefined;
    }
    return this.#procs;
  }

  /**
   * Waits until the children that are joining have joined, for a while, and no longer than a freeze with these options may take.
   * `undefined` if none is joining, or nothing is to be frozen.
   */
  allJoined({ timeout = patience, signal }: ConfirmOptions): Promise<unknown> | undefined {
    if (joining.size === 0 || this.state.isFrozen) return undefined;
    // A child that joins a frozen group has joined only when that is thawed.
    const joins = [...joining].filter((one) => one.isJoining && !isFrozen(one.state));
    if (joins.length === 0 || signal?.aborted) return undefined;
    let end = (): void => undefined;
    const limit = new Promise<void>((resolve) => {
      end = resolve;
    });
    const timer = clock.setTimeout(end, Math.min(patience, timeout));
    signal?.addEventListener('abort', end);
    return Promise.race([Promise.all(joins.map((one) => one.wait())), limit]).finally(() => {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    });
  }

  #start(
    { given, user, file, argv0, count }: JoinerCall,
    isFork: boolean,
    reports: Reports,
    number: number,
  ): ChildProcess | undefined {
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
    (child.stdio as unknown as unknown[]).length = count;
    child.spawnargs[0] = argv0;
    (child as { spawnfile: string }).spawnfile = file;
    joining.add(new Join(child, child.pid, this.state, reports, number, (one) => joining.delete(one)));
    return child;
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
