import { setTimeout as later } from 'node:timers';
import {
  type FreezeHold,
  FreezeMode,
  FreezeState,
  MultipleFreezeError,
  NoPidConfiguredError,
  NotStoppedError,
  ProcessNotFoundError,
} from 'freeze-state';
import { type Happening, nowUs } from './log';
import type { SandboxProcess } from './processes';

/**
 * When to freeze, when to thaw, and what to write of it.
 *
 * The whole race between "there is no work" and "work arrives" is in two lines: the freeze takes the epoch as its ticket
 * when it is scheduled, and every thaw moves the epoch on. A freeze whose ticket is stale does nothing, however far it had
 * got; so there is no timer to cancel and no flag to check. And while an event is queued or running it has a hold, which
 * no freeze gets past, whatever its ticket.
 */
export class Freezer {
  readonly #state: FreezeState;
  /** Whether the log has a freeze and not yet its thaw. */
  #isFrozen = false;
  #isClosed = false;

  constructor(
    mode: FreezeMode,
    private readonly graceMs: number,
    private readonly log: (happening: Happening, atUs: number) => void,
    private readonly onError: (error: unknown) => void,
  ) {
    this.#state = new FreezeState(mode);
  }

  add(member: SandboxProcess): void {
    this.#state.registerPid(member.pid);
  }

  /** Everyone is parked and nothing is queued: freeze, after the grace, unless work arrives in between. */
  schedule(): void {
    if (this.#state.mode === FreezeMode.None) return;
    const epoch = this.#state.currentEpoch;
    later(() => void this.#freeze(epoch), this.graceMs);
  }

  /**
   * Work arrives: continue everyone, put off every freeze that was scheduled until now, and keep new ones away until the
   * hold is released, which is when the work is done. Undefined once it is all over.
   */
  hold(): FreezeHold | undefined {
    return this.#thaw(() => this.#state.hold());
  }

  /** The same for what is over in a moment: continue everyone, and put off every freeze that was scheduled. */
  thaw(): void {
    this.#thaw(() => this.#state.unfreeze());
  }

  #thaw<Result>(operation: () => Result): Result | undefined {
    if (this.#isClosed) return undefined;
    const wasFrozen = this.#isFrozen;
    this.#isFrozen = false;
    const atUs = nowUs();
    let result: Result | undefined;
    try {
      result = operation();
    } catch (error) {
      this.onError(error);
    }
    const tookUs = nowUs() - atUs;
    if (wasFrozen) this.log({ what: 'thaw', epoch: this.#state.currentEpoch, tookUs }, atUs);
    return result;
  }

  /**
   * Who is frozen. The state letter in /proc does not always tell: of a process in a frozen cgroup it says what the process
   * did before.
   */
  get frozenPids(): Set<number> {
    if (this.#isClosed || !this.#isFrozen) return new Set();
    const frozen = this.#state.inspect().filter(({ state }) => state === 'stopped');
    return new Set(frozen.map(({ pid }) => pid));
  }

  /** What the members have started themselves and is frozen with them; none where the mode does not know it one by one. */
  #others(): number[] {
    const others = this.#state.inspect().filter(({ role }) => role === 'descendant');
    return others.map(({ pid }) => pid);
  }

  /** Thaws for good. Returns who else was frozen with the members: once these have gone, it could not be told. */
  close(): number[] {
    if (this.#isClosed) return [];
    this.thaw();
    const others = this.#others();
    this.#isClosed = true;
    try {
      this.#state.close();
    } catch (error) {
      // It must not keep the rest from being ended.
      this.onError(error);
    }
    return others;
  }

  async #freeze(epoch: number): Promise<void> {
    if (this.#isClosed) return;
    const atUs = nowUs();
    try {
      const report = await this.#state.confirmFreezeAtEpoch(epoch);
      // By our clock: the report's begins a little after `atUs`, and until then everyone still ran.
      const stoppedUs = nowUs() - atUs;
      this.#isFrozen = report.isFrozen;
      if (report.isFrozen) {
        const signalledUs = Math.round(report.signaledNs / 1000);
        this.log({ what: 'freeze', epoch, signalledUs, stoppedUs, others: this.#others() }, atUs);
      } else this.log({ what: 'cancelled', epoch, now: this.#state.currentEpoch }, atUs);
    } catch (error) {
      // Either it is all over, or everyone has exited and their exits are about to be told.
      if (this.#isClosed || isAboutExits(error)) return;
      if (!(error instanceof NotStoppedError)) return this.onError(error);
      // A process did not stop, in vfork(2) perhaps, so all were continued. No work has come since: once more.
      this.log({ what: 'undone', epoch, pids: error.processes.map(({ pid }) => pid) }, atUs);
      this.schedule();
    }
  }
}

function isAboutExits(error: unknown): boolean {
  if (error instanceof MultipleFreezeError) return error.errors.every(isAboutExits);
  return error instanceof ProcessNotFoundError || error instanceof NoPidConfiguredError;
}
