import { setTimeout as later } from 'node:timers';
import {
  type FreezeHold,
  FreezeMode,
  FreezeState,
  MultipleFreezeError,
  NoPidConfiguredError,
  ProcessNotFoundError,
} from 'freeze-state';
import { type Happening, nowUs } from './log';
import type { SandboxProcess } from './processes';

/** How long a freeze is watched for its processes to stop; one inside of vfork(2) does not before it has left it. */
const watchUs = 1_000_000;

/**
 * When to freeze, when to thaw, and what to write of it.
 *
 * The whole race between "nobody has work" and "work arrives" is in two lines: the freeze takes the epoch as its ticket
 * when it is scheduled, and every thaw moves the epoch on. A freeze whose ticket is stale does nothing, however far it had
 * got; so there is no timer to cancel and no flag to check. And while an event is queued or running it has a hold, which
 * no freeze gets past, whatever its ticket.
 */
export class Freezer {
  readonly #state: FreezeState;
  readonly #members: SandboxProcess[] = [];
  /** Writes of the freeze that is still being watched. */
  #reportFreeze: (() => void) | undefined;
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
    this.#members.push(member);
    this.#state.registerPid(member.pid);
  }

  /** Everyone is parked and nothing is queued: freeze, after the grace, unless work arrives in between. */
  schedule(): void {
    if (this.#state.mode === FreezeMode.None) return;
    const epoch = this.#state.currentEpoch;
    later(() => this.#freeze(epoch), this.graceMs);
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
    const wasFrozen = this.#state.isFrozen;
    const atUs = nowUs();
    let result: Result | undefined;
    try {
      result = operation();
    } catch (error) {
      this.onError(error);
    }
    const tookUs = nowUs() - atUs;
    this.#reportFreeze?.();
    if (wasFrozen) this.log({ what: 'thaw', epoch: this.#state.currentEpoch, tookUs }, atUs);
    return result;
  }

  /** Thaws for good. */
  close(): void {
    this.thaw();
    this.#isClosed = true;
    try {
      this.#state.close();
    } catch (error) {
      // It must not keep the rest from being ended.
      this.onError(error);
    }
  }

  #freeze(epoch: number): void {
    if (this.#isClosed) return;
    const atUs = nowUs();
    try {
      if (this.#state.freezeAtEpoch(epoch)) this.#watch(epoch, atUs, nowUs() - atUs);
      else this.log({ what: 'cancelled', epoch, now: this.#state.currentEpoch }, atUs);
    } catch (error) {
      // Everyone has exited, and their exits are about to be told.
      if (!isAboutExits(error)) this.onError(error);
    }
  }

  /** A process stops a moment after its signal was sent. The line is written when all have, or at the thaw. */
  #watch(epoch: number, atUs: number, signalledUs: number): void {
    let stoppedUs: number | undefined;
    const report = () => {
      if (this.#reportFreeze !== report) return;
      this.#reportFreeze = undefined;
      this.log({ what: 'freeze', epoch, signalledUs, stoppedUs }, atUs);
    };
    const look = () => {
      if (this.#reportFreeze !== report) return;
      const everyoneStopped = this.#members.every((member) => member.isAtRest);
      const passedUs = nowUs() - atUs;
      if (everyoneStopped) stoppedUs = passedUs;
      if (everyoneStopped || passedUs > watchUs) report();
      else if (passedUs < 5_000) setImmediate(look);
      else later(look, 1);
    };
    this.#reportFreeze = report;
    look();
  }
}

function isAboutExits(error: unknown): boolean {
  if (error instanceof MultipleFreezeError) return error.errors.every(isAboutExits);
  return error instanceof ProcessNotFoundError || error instanceof NoPidConfiguredError;
}
