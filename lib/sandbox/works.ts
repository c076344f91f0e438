import type { ChildProcess } from 'node:child_process';
import type { FreezeHold, FreezeState } from '../api';
import { clock } from '../clock';
import type { Work, WorkOptions } from './types';

interface Entry {
  readonly label: string | undefined;
  readonly since: number;
  /** Weak, so that a hold that was forgotten is collected, which releases it and warns. */
  readonly hold: WeakRef<FreezeHold>;
}

/** The holds that this thread has on the state through its sandbox, by name and age. */
export class Works {
  #entries: Entry[] = [];
  /** When the list is so long, released holds are dropped. The next limit is twice the length that is left. */
  #limit = 16;
  /** The holds for children that have not exited. This keeps them from being collected. */
  readonly #untilEnd = new WeakMap<ChildProcess, Set<FreezeHold>>();

  constructor(private readonly state: FreezeState) {}

  /** @throws as `hold()`; FreezeClosedError at the end of the sandbox. */
  take({ label, until }: WorkOptions): FreezeHold {
    const hold = this.state.hold();
    if (this.#entries.length >= this.#limit) {
      this.#entries = this.#entries.filter(isHeld);
      this.#limit = Math.max(16, 2 * this.#entries.length);
    }
    this.#entries.push({ label, since: clock.now(), hold: new WeakRef(hold) });
    if (until !== undefined) this.#releaseAtEnd(until, hold);
    return hold;
  }

  /** One listener for each child, however many works there were: a runtime has one for each event. */
  #releaseAtEnd(child: ChildProcess, hold: FreezeHold): void {
    const known = this.#untilEnd.get(child);
    const holds = known ?? new Set();
    for (const one of holds) if (one.isReleased) holds.delete(one);
    holds.add(hold);
    if (known !== undefined && !hasEnded(child)) return;
    this.#untilEnd.set(child, holds);
    onEnd(child, () => {
      for (const one of holds) one.release();
    });
  }

  list(): Work[] {
    this.#entries = this.#entries.filter(isHeld);
    const now = clock.now();
    return this.#entries.map(({ label, since }) => ({
      ...(label === undefined ? {} : { label }),
      sinceMs: now - since,
    }));
  }
}

function isHeld({ hold }: Entry): boolean {
  return hold.deref()?.isReleased === false;
}

/** Whether the child has exited, as far as Node knows, or was never started. */
export function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** Calls back when the child has exited; at once if it has exited, or could not be started. */
export function onEnd(child: ChildProcess, ended: () => void): void {
  if (hasEnded(child)) ended();
  // `exit` comes only once, so `on` is enough; `once` wraps the listener and costs time.
  else child.on('exit', ended);
}
