import type { ChildProcess } from 'node:child_process';
import { FreezeClosedError, type FreezeHold, type FreezeState } from '../api';
import { clock } from '../clock';
import { hasEnded, onEnd, type Works } from './works';

/** Milliseconds for which a child that was sent a signal is not frozen: long enough to take it. */
const signalMs = 2_000;

/** A child that has not exited yet. */
export interface LivingChild {
  readonly child: ChildProcess;
  readonly exit: Promise<void>;
}

/** The children of a sandbox, as Node knows them. */
export class Children {
  readonly #known = new WeakSet<ChildProcess>();
  readonly #living = new Map<number, LivingChild>();

  constructor(
    private readonly state: FreezeState,
    private readonly works: Works,
    private readonly exited: (child: ChildProcess) => void,
  ) {}

  get(pid: number): LivingChild | undefined {
    return this.#living.get(pid);
  }

  get pids(): number[] {
    return [...this.#living.keys()];
  }

  /**
   * Makes the child a member, unless it could not be started or has exited.
   *
   * @param joins it moves itself into the control group.
   */
  add(child: ChildProcess, joins: boolean): void {
    const { pid } = child;
    if (pid === undefined || hasEnded(child) || this.#known.has(child)) return;
    this.state.registerPid(pid, { joins });
    this.#known.add(child);
    const exit = new Promise<void>((resolve) => {
      onEnd(child, () => {
        this.#living.delete(pid);
        resolve();
        this.exited(child);
      });
    });
    this.#living.set(pid, { child, exit });
    const kill = child.kill;
    child.kill = (signal) => {
      const wasSent = kill.call(child, signal);
      if (wasSent) this.#letTake(child, signal);
      return wasSent;
    };
  }

  /**
   * A frozen process takes a signal when it is thawed; and one that runs may not have taken it yet when the next freeze
   * comes. So it is work. Node's `signal`, `timeout` and `using` call `kill` as well.
   */
  #letTake(child: ChildProcess, signal: NodeJS.Signals | number = 'SIGTERM'): void {
    // Signal 0 sends nothing, and SIGKILL ends a stopped process, too.
    if (signal === 0 || signal === 'SIGKILL' || signal === 9) return;
    let hold: FreezeHold;
    try {
      hold = this.works.take({ label: `signal ${signal} to ${child.pid}` });
    } catch (error) {
      if (error instanceof FreezeClosedError) return;
      throw error;
    }
    const release = (): void => {
      clock.clearTimeout(timer);
      child.off('exit', release);
      hold.release();
    };
    const timer = clock.setTimeout(release, signalMs).unref();
    child.once('exit', release);
  }
}
