import { FreezeClosedError, type FreezeSnapshot, type FreezeState } from '../api';
import { clock } from '../clock';

/** The one timer of a sandbox. New work does not stop it: it makes the ticket stale. */
export class IdleTimer {
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #delay = -1;
  #ticket = 0;

  /** @param elapsed is given the ticket of the last `arm`. */
  constructor(private readonly elapsed: (ticket: number) => void) {}

  /** Starts the timer anew. It does not keep the process alive; with a delay of 0, only for the rest of this turn. */
  arm(ticket: number, delay: number): void {
    this.#ticket = ticket;
    if (delay === 0) {
      this.#clearTimer();
      this.#immediate ??= clock.setImmediate(() => {
        this.#immediate = undefined;
        this.elapsed(this.#ticket);
      });
    } else if (this.#timer !== undefined && delay === this.#delay) {
      this.#timer.refresh();
    } else {
      this.#clearTimer();
      this.#delay = delay;
      this.#timer = clock.setTimeout(() => this.elapsed(this.#ticket), delay).unref();
    }
  }

  #clearTimer(): void {
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Stops the timer, if it was armed with this ticket. */
  disarm(ticket: number): void {
    if (this.#ticket === ticket) this.stop();
  }

  stop(): void {
    this.#clearTimer();
    clock.clearImmediate(this.#immediate);
    this.#immediate = undefined;
  }
}

/**
 * Follows the state until it is closed, whichever thread changes it.
 *
 * @param changed is called after a thaw or a freeze, or once for several.
 * @param idle is called when no hold is left and the state runs, but not before the first thaw. Its argument has the ticket.
 */
export async function follow(
  state: FreezeState,
  changed: (now: FreezeSnapshot) => void,
  idle: (now: FreezeSnapshot) => void,
): Promise<void> {
  try {
    let seen = state.snapshot();
    for (;;) {
      seen = await state.waitForStateChange({ since: seen, ref: false });
      changed(seen);
      if (seen.isFrozen) continue;
      seen = await state.waitForRelease({ ref: false });
      changed(seen);
      if (!seen.isFrozen) idle(seen);
    }
  } catch (error) {
    if (!(error instanceof FreezeClosedError)) throw error;
  }
}
