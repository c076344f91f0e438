import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from '../api';
import { read, statOf } from '../proc-stat';
import type { Children } from './children';
import { isAlive, type Process, type Reading, readTable, send } from './process-table';

/** The processes that end with a sandbox: those that its freezes cover, and all that these have started. */
export class Reach {
  /** The start time of the first child: nothing that is older is ours. */
  #since = Number.POSITIVE_INFINITY;
  /** All that a signal was sent to: after their exit, their children still belong here. */
  readonly #known = new Map<number, Process>();
  #wereKilled = false;

  constructor(
    /** The tag of the sandbox, which no other one has. */
    private readonly id: string,
    private readonly state: FreezeState,
    private readonly mode: FreezeMode,
    private readonly children: Children,
    /** For the state that stops every process while signals are sent. */
    private readonly options: FreezeOptions,
  ) {}

  started(pid: number | undefined): void {
    if (this.#since !== Number.POSITIVE_INFINITY || pid === undefined) return;
    this.#since = statOf(pid)?.start ?? 0;
  }

  /** The start time of the first child: what is older cannot have the tag. */
  get since(): number {
    return this.#since;
  }

  /** Whether the kernel counts processes in the control group, even ones that no reading has; `undefined` if that is not known. */
  get isGroupPopulated(): boolean | undefined {
    const group = this.#group;
    const [, number] = /^populated (\d)$/m.exec(group === undefined ? '' : read(join(group, 'cgroup.events'))) ?? [];
    return number === undefined ? undefined : number === '1';
  }

  /**
   * Sends all of them a signal. Meanwhile they are stopped, as far as they can be, so that they start no others.
   *
   * @param reading what /proc shows. A program that forks and exits all the time may be missing: one process has ended when it is
   *   read, and its child was not listed yet.
   */
  signal(signal: NodeJS.Signals, reading = readTable(this.#since)): Process[] {
    let processes = this.#among(reading);
    const isKill = signal === 'SIGKILL';
    // After a kill few are found, and each may have exited before it is stopped.
    const mayStop = processes.length > 0 && !(isKill && this.#wereKilled) && !this.#areFrozen();
    const stop = mayStop ? stopAll(processes, this.options) : undefined;
    try {
      if (stop !== undefined) processes = this.#among(readTable(this.#since, reading));
      for (const one of processes) {
        this.#known.set(one.pid, one);
        send(one, signal);
      }
      if (isKill) this.#killGroup();
      this.#wereKilled ||= isKill;
    } finally {
      stop?.close();
    }
    return processes;
  }

  /** All of ours that it shows. */
  #among({ living }: Reading): Process[] {
    const roots = new Set([...this.children.pids, ...this.#covered()]);
    // A group may have outlived the child that led it.
    const groups = this.mode === FreezeMode.ProcessGroup ? roots : new Set();
    const all = living.filter(({ pid }) => pid !== process.pid);
    const found = new Map<number, Process>();
    for (const one of all) {
      const isKnown = this.#known.get(one.pid)?.start === one.start;
      if (isKnown || roots.has(one.pid) || groups.has(one.group) || one.tags?.includes(this.id))
        found.set(one.pid, one);
    }
    for (let before = -1; before !== found.size; ) {
      before = found.size;
      for (const one of all) if (found.has(one.parent)) found.set(one.pid, one);
    }
    // Processes that cannot have a tag may be from an earlier reading.
    for (const [pid, one] of found) if (one.start < this.#since && !isAlive(one)) found.delete(pid);
    // Children whose exit Node has not emitted yet; or all, where there is no /proc.
    for (const pid of this.children.pids) {
      if (!found.has(pid))
        found.set(pid, statOf(pid) ?? { pid, start: 0, parent: process.pid, group: 0, state: '', threads: 0 });
    }
    return [...found.values()];
  }

  /** Whether they are frozen by their cgroup, where a signal neither stops nor continues them. */
  #areFrozen(): boolean {
    try {
      return this.mode === FreezeMode.Cgroup && this.state.isFrozen;
    } catch {
      // It is closed.
      return false;
    }
  }

  get #group(): string | undefined {
    try {
      return this.state.cgroup;
    } catch {
      // It is closed.
      return undefined;
    }
  }

  /** Kills all that is in it at one moment (cgroup.kill, Linux 5.14). None escapes by a fork, whether it was found or not. */
  #killGroup(): void {
    const group = this.#group;
    try {
      if (group !== undefined) writeFileSync(join(group, 'cgroup.kill'), '1');
    } catch {
      // The kernel is older: each was sent the signal.
    }
  }

  /** The processes that the state knows to be alive. */
  #covered(): number[] {
    try {
      return this.state
        .inspect()
        .filter(({ state }) => state !== 'gone' && state !== 'zombie')
        .map(({ pid }) => pid);
    } catch {
      // It is closed.
      return [];
    }
  }
}

/** Stops them, with their descendants, until the returned state is closed; `undefined` if that is not possible. */
function stopAll(processes: readonly Process[], options: FreezeOptions): FreezeState | undefined {
  if (!FreezeState.capabilities.modes[FreezeMode.ProcessTree].available) return undefined;
  const pids = processes.filter(isAlive).map(({ pid }) => pid);
  let tree: FreezeState | undefined;
  try {
    tree = new FreezeState({ ...options, mode: FreezeMode.ProcessTree, pids });
    tree.freezeAtEpoch(tree.currentEpoch);
    return tree;
  } catch {
    // All have exited; or one does not stop, in vfork(2) for example.
    tree?.close();
    return undefined;
  }
}
