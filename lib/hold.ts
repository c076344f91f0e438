import { debuglog } from 'node:util';
import { invalidThis } from './arguments';
import type { NativeFailure, StateHandle } from './native';
import type { Waits } from './waits';

/** What one hold adds to the count of its state. */
interface Share {
  readonly handle: StateHandle;
  /** Those of this thread. */
  readonly waits: Waits;
  /** Where `hold()` was called, one line a frame; empty where that was not noted. */
  readonly frames: readonly string[];
  /** Set by a plain store right after the call that changed the count: nothing can come in between. */
  isCounted: boolean;
}

/** Enough to find the call behind a helper or two. */
const frameLimit = 3;

/**
 * Whether to note where each hold is taken: only after one was forgotten. It costs microseconds in the path of every invocation,
 * and most programs forget none.
 */
let isNoted = debuglog('freeze-state').enabled;

/**
 * Where `caller` was called, if that is noted. To be called before the hold is taken: nothing must be half done if a program's own
 * `prepareStackTrace` throws, and then the hold works without this.
 *
 * The stack is read at once: until then V8 keeps each frame's function and receiver, and by way of these, it may be, the
 * hold itself.
 */
export function framesAbove(caller: CallableFunction): readonly string[] {
  return isNoted ? readFrames(caller) : notNoted;
}

const notNoted: readonly string[] = [];

function readFrames(caller: CallableFunction): string[] {
  const { stackTraceLimit } = Error;
  const trace: { stack?: string } = {};
  try {
    if (stackTraceLimit > frameLimit) Error.stackTraceLimit = frameLimit;
    try {
      Error.captureStackTrace(trace, caller as () => void);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    return String(trace.stack).split('\n').slice(1);
  } catch {
    return [];
  }
}

/** Settles the waits of this thread too, as each of its changes does: they continue before the event loop does anything else. */
function release(share: Share): void {
  share.handle.release();
  share.isCounted = false;
  if (!share.waits.isEmpty) share.waits.settle(share.handle.word());
}

/** A hold that is collected would otherwise block every freeze for good. So it is released, and a warning says so. */
const forgotten = new FinalizationRegistry<Share>((share) => {
  const { handle, frames, isCounted } = share;
  if (!isCounted) return;
  release(share);
  if (handle.word() === undefined) return; // closed: it held nothing any more
  isNoted = true;
  const where = frames[0]
    ? `It was taken ${frames[0].trim()}.`
    : 'The next such warning says where the hold was taken; with NODE_DEBUG=freeze-state the first one does.';
  process.emitWarning(
    `A FreezeHold was garbage collected before it was released. ${where} Release each hold, by \`using\` or in a \`finally\`.`,
    { type: 'FreezeHoldWarning', code: 'FREEZE_HOLD_FORGOTTEN', detail: frames.join('\n') },
  );
});

/**
 * Keeps a state from being frozen: while the state has any hold, of any thread, every freeze answers `false`. Made by
 * {@link FreezeState.hold}.
 *
 * It ends with {@link FreezeHold.release}, at the end of its `using` block, or with its thread. One that is garbage
 * collected is released as well, and a process warning says so.
 */
export class FreezeHold implements Disposable {
  readonly #share: Share;

  /** @internal */
  constructor(share: Share) {
    this.#share = share;
    forgotten.register(this, share, this);
  }

  /** Whether this hold has ended. */
  get isReleased(): boolean {
    FreezeHold.#check(this, 'isReleased');
    return !this.#share.isCounted;
  }

  /** Ends the hold. Doing it again is harmless, and so is doing it after the state was closed. */
  release(): void {
    FreezeHold.#check(this, 'release');
    if (!this.#share.isCounted) return;
    release(this.#share);
    forgotten.unregister(this);
  }

  /** {@link FreezeHold.release}, for `using`. */
  [Symbol.dispose](): void {
    FreezeHold.#check(this, '[Symbol.dispose]');
    this.release();
  }

  static #check(receiver: unknown, member: string): void {
    if (typeof receiver === 'object' && receiver !== null && #share in receiver) return;
    throw invalidThis(member, 'FreezeHold');
  }
}

/**
 * Takes a hold. The object that releases it is made first: if the stack ends here, or `vm` ends the script, the hold is released
 * like any that is forgotten.
 */
export function take(handle: StateHandle, waits: Waits, frames: readonly string[]): FreezeHold | NativeFailure[] {
  const share: Share = { handle, waits, frames, isCounted: false };
  const hold = new FreezeHold(share);
  const failures = handle.hold();
  if (failures !== undefined) return failures;
  share.isCounted = true;
  return hold;
}
