import type { ChildProcess } from 'node:child_process';
import { FreezeClosedError, type FreezeHold, type FreezeState } from '../api';
import { clock } from '../clock';
import { hasEnded, onEnd, type Works } from './works';

/** Milliseconds for which a child that was sent a signal is not frozen: long enough to take it. */
const signalMs = 2_000;

/** A child that has not exited yet. */
export class LivingChild {
  /** Each ends the work of a signal that the child may not have taken yet. */
  signals: Set<() => void> | undefined;
  #exit: Promise<void> | undefined;

  constructor(readonly child: ChildProcess) {}

  get exit(): Promise<void> {
    this.#exit ??= new Promise((resolve) => onEnd(this.child, resolve));
    return this.#exit;
  }
}

/** The children of a sandbox, as Node knows them. */
export class Children {
  readonly #living = new Map<number, LivingChild>();

  constructor(
    private readonly state: FreezeState,
    private readonly works: Works,
    private readonly exited: (child: ChildProcess) => void,
  ) {}

  // What Node knows counts, besides the event: its listener may be gone, by `removeAllListeners()`, and the pid another's.
  get(pid: number): LivingChild | undefined {
    const one = this.#living.get(pid);
    return one === undefined || hasEnded(one.child) ? undefined : one;
  }

  get pids(): number[] {
    return [...this.#living.keys()].filter((pid) => this.get(pid) !== undefined);
  }

  /**
   * Makes the child a member, unless it could not be started or has exited.
   *
   * @param joins it moves itself into the control group.
   */
  add(child: ChildProcess, joins: boolean): void {
    const { pid } = child;
    if (pid === undefined || hasEnded(child) || this.#living.get(pid)?.child === child) return;
    this.state.registerPid(pid, { joins });
    const living = new LivingChild(child);
    onEnd(child, () => {
      this.#living.delete(pid);
      for (const release of living.signals ?? []) release();
      this.exited(child);
    });
    this.#living.set(pid, living);
    const kill = child.kill;
    child.kill = (signal) => {
      const wasSent = kill.call(child, signal);
      if (wasSent) this.#letTake(living, signal);
      return wasSent;
    };
  }

  /**
   * A frozen process takes a signal when it is thawed. A running process may not have taken it yet when the next freeze comes. So
   * a signal is work. Node's `signal`, `timeout` and `using` call `kill` as well.
   */
  #letTake(living: LivingChild, signal: NodeJS.Signals | number = 'SIGTERM'): void {
    // Signal 0 sends nothing, and SIGKILL ends a stopped process, too.
    if (signal === 0 || signal === 'SIGKILL' || signal === 9) return;
    let hold: FreezeHold;
    try {
      hold = this.works.take({ label: `signal ${signal} to ${living.child.pid}` });
    } catch (error) {
      if (error instanceof FreezeClosedError) return;
      throw error;
    }
    const release = (): void => {
      clock.clearTimeout(timer);
      living.signals?.delete(release);
      hold.release();
    };
    const timer = clock.setTimeout(release, signalMs).unref();
    living.signals ??= new Set();
    living.signals.add(release);
  }
}
