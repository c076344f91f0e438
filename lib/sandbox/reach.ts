import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from '../api';
import { statOf } from '../proc-stat';
import type { Children } from './children';
import { hasTag, isAlive, type Look, lookAround, type Process, send } from './process-table';

/**
 * By the tag in this variable a process is found whose parents have exited: no mode but `cgroup` knows it then, and that one
 * only if it was moved in before it started others.
 */
const tagName = 'FREEZE_STATE_SANDBOX';

/** The processes that end with a sandbox: what its freezes cover, and all that was started by these. */
export class Reach {
  /** The start time of the first child: nothing that is older is ours. */
  #since = Number.POSITIVE_INFINITY;
  /** All that a signal was sent to: their children belong here when they have gone. */
  readonly #known = new Map<number, Process>();

  constructor(
    /** The tag of the sandbox, which no other one has. */
    private readonly id: string,
    private readonly state: FreezeState,
    private readonly mode: FreezeMode,
    private readonly children: Children,
    /** For a state that stops every process while signals are sent. */
    private readonly options: FreezeOptions,
  ) {}

  /** What is added to the environment of a child. */
  get environment(): Readonly<Record<string, string>> {
    return { [tagName]: this.id };
  }

  started(pid: number | undefined): void {
    if (this.#since !== Number.POSITIVE_INFINITY || pid === undefined) return;
    this.#since = statOf(pid)?.start ?? 0;
  }

  /**
   * Sends all of them a signal, while they are stopped and start no others, as far as they can be stopped.
   *
   * @param look what /proc shows. A process that forks and exits all the time may be missing: it has ended when its turn comes,
   *   and its child was not listed yet.
   */
  signal(signal: NodeJS.Signals, look = lookAround()): Process[] {
    let processes = this.#among(look);
    if (processes.length === 0) return [];
    const stop = this.#areFrozen() ? undefined : stopAll(processes, this.options);
    try {
      if (stop !== undefined) processes = this.#among(lookAround());
      for (const one of processes) {
        this.#known.set(one.pid, one);
        send(one, signal);
      }
      if (signal === 'SIGKILL') this.#killGroup();
    } finally {
      stop?.close();
    }
    return processes;
  }

  /** All of them that it shows. */
  #among({ living }: Look): Process[] {
    const roots = new Set([...this.children.pids, ...this.#covered()]);
    const groups = new Set(this.mode === FreezeMode.ProcessGroup ? this.children.pids : []);
    const all = living.filter(({ pid }) => pid !== process.pid);
    const found = new Map<number, Process>();
    for (const one of all) {
      const isKnown = this.#known.get(one.pid)?.start === one.start;
      if (isKnown || roots.has(one.pid) || groups.has(one.group) || this.#isTagged(one)) found.set(one.pid, one);
    }
    for (let before = -1; before !== found.size; ) {
      before = found.size;
      for (const one of all) if (found.has(one.parent)) found.set(one.pid, one);
    }
    // Children that have exited, and of whose exit Node has not told yet; or all, where there is no /proc.
    for (const pid of this.children.pids) {
      if (!found.has(pid)) found.set(pid, statOf(pid) ?? { pid, start: 0, parent: process.pid, group: 0, state: '' });
    }
    return [...found.values()];
  }

  /** By their cgroup, in which no signal stops and none continues them. */
  #areFrozen(): boolean {
    try {
      return this.mode === FreezeMode.Cgroup && this.state.isFrozen;
    } catch {
      // It is closed.
      return false;
    }
  }

  /** All that is in it at one moment (cgroup.kill, Linux 5.14): none escapes by a fork. */
  #killGroup(): void {
    try {
      const { cgroup } = this.state;
      if (cgroup !== undefined) writeFileSync(join(cgroup, 'cgroup.kill'), '1');
    } catch {
      // It is closed, or the kernel is older: each was sent the signal.
    }
  }

  /** What the state knows to be alive. */
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

  #isTagged(one: Process): boolean {
    return one.start >= this.#since && hasTag(one, tagName, this.id);
  }
}

/** Stops them, with their descendants, until the state that this gives is closed. Nothing where that cannot be. */
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
