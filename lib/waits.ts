import { addAbortListener } from 'node:events';
import { clock } from './clock';
import { type FreezeClosedError, FreezeTimeoutError } from './errors';
import { closedError, noWakeUp } from './failures';
import { Link } from './link';
import type { StateHandle } from './native';
import { below } from './stack';
import type { FreezeSnapshot, ReleaseOptions, WaitOptions } from './types';
import { snapshotOf, type Word, wordOf } from './word';

/** Resolved: what is chained to it runs as the next microtask. */
const later = Promise.resolve();

/** In place of a word, for a wait for the last release: no word tells of that. */
const lastRelease = 'last release';

class Wait extends Link {
  /** Releases the timer and the signal, where there are any. */
  release: (() => void) | undefined;

  constructor(
    readonly since: Word | typeof lastRelease,
    readonly ref: boolean,
    readonly resolve: (state: FreezeSnapshot) => void,
    readonly reject: (reason: unknown) => void,
  ) {
    super();
  }
}

/** One for each handle of this thread, however many objects have it. */
const known = new WeakMap<StateHandle, Waits>();

/**
 * The pending waits of one state in one thread. A wait costs its promise and its record; all of them together cost one
 * thread-safe function, by which changes made elsewhere arrive. For changes made in this thread, `settle` is called.
 */
export class Waits {
  readonly #handle: Pick<StateHandle, 'word' | 'holdCount' | 'listen' | 'unlisten' | 'keepAlive'>;
  /** The head of their ring, in the order in which they began. */
  readonly #pending = new Link();
  /** How many waits keep the process alive. A wait that has ended counts until its reference is given back. */
  #refs = 0;
  #isListening = false;

  private constructor(handle: StateHandle) {
    this.#handle = handle;
  }

  static of(handle: StateHandle): Waits {
    let waits = known.get(handle);
    if (waits === undefined) {
      waits = new Waits(handle);
      known.set(handle, waits);
    }
    return waits;
  }

  get isEmpty(): boolean {
    return this.#pending.isAlone;
  }

  /** Waits for the state to differ from `options.since`, or else from what it is now. */
  add(options: WaitOptions): Promise<FreezeSnapshot> {
    return this.#add(options, options.since === undefined ? this.#handle.word() : wordOf(options.since));
  }

  /** Waits until no hold is left. */
  addForRelease(options: ReleaseOptions): Promise<FreezeSnapshot> {
    return this.#add(options, lastRelease);
  }

  #add({ signal, timeout, ref = true }: ReleaseOptions, since: Wait['since'] | undefined): Promise<FreezeSnapshot> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const seen = this.#handle.word();
    if (seen === undefined || since === undefined) return Promise.reject(below(closedError()));
    if (this.#hasCome(since, seen)) return Promise.resolve(snapshotOf(seen));
    this.#listen();
    // Once more: this check sees a change before it, and the listener hears of one after it, so none is missed (G8).
    const now = this.#handle.word();
    if (now === undefined || this.#hasCome(since, now)) {
      this.#tidyUp(0);
      return now === undefined ? Promise.reject(below(closedError())) : Promise.resolve(snapshotOf(now));
    }
    return new Promise((resolve, reject) => {
      const wait = new Wait(since, ref, resolve, reject);
      this.#pending.insert(wait);
      if (ref) {
        this.#refs += 1;
        if (this.#refs === 1) this.#handle.keepAlive(true);
      }
      if (timeout !== undefined || signal !== undefined) wait.release = this.#limit(wait, timeout, signal);
    });
  }

  #hasCome(since: Wait['since'], now: Word): boolean {
    return since === lastRelease ? this.#handle.holdCount() === 0 : since !== now;
  }

  /**
   * Ends the waits that have not seen the state as it is now; all of them, by an error, if it was closed.
   *
   * @param now the word as it is, `undefined` when it was closed.
   */
  settle(now: Word | undefined, closed: () => FreezeClosedError = closedError): void {
    let ended = 0;
    let refs = 0;
    let next: Link;
    // Until the head: what a waiter waits for is this code, mostly run by the interpreter, for which `instanceof` is slow.
    for (let link = this.#pending.next; link !== this.#pending; link = next) {
      const wait = link as Wait;
      next = wait.next;
      if (now !== undefined && !this.#hasCome(wait.since, now)) continue;
      wait.leave();
      ended += 1;
      if (wait.ref) refs += 1;
      wait.release?.();
      if (now === undefined) wait.reject(closed());
      else wait.resolve(snapshotOf(now));
    }
    // After the waiters' own continuations, which were queued just now: they come first. Not by queueMicrotask(), whose
    // async resource costs more than all of the above.
    if (ended > 0) void later.then(() => this.#tidyUp(refs));
  }

  /** Ends a wait early by a timer and by a signal; the function returned undoes both. */
  #limit(wait: Wait, timeout: number | undefined, signal: AbortSignal | undefined): () => void {
    const give = (reason: unknown): void => {
      if (wait.isAlone) return;
      wait.leave();
      wait.release?.();
      wait.reject(reason);
      this.#tidyUp(wait.ref ? 1 : 0);
    };
    let timer: NodeJS.Timeout | undefined;
    if (timeout !== undefined) {
      // Made now: when the timer fires, nothing of the caller is left on the stack.
      const what = wait.since === lastRelease ? 'was not released' : 'did not change';
      const error = below(new FreezeTimeoutError(`The state ${what} within ${timeout} ms.`, timeout));
      timer = clock.setTimeout(() => {
        // A change made elsewhere is heard of in a later phase of the event loop, and this thread may have been busy.
        const now = this.#handle.word();
        if (now !== undefined && !this.#hasCome(wait.since, now)) give(error);
        else this.settle(now);
      }, timeout);
      if (!wait.ref) timer.unref();
    }
    const listener = signal && addAbortListener(signal, () => give(signal.reason));
    return () => {
      clock.clearTimeout(timer);
      listener?.[Symbol.dispose]();
    };
  }

  #listen(): void {
    if (this.#isListening) return;
    if (!this.#handle.listen((word) => this.settle(word))) throw noWakeUp();
    this.#isListening = true;
    // A wait that has ended also counts while its reference is held. Then a new wait need not take one.
    if (this.#refs > 0) this.#handle.keepAlive(true);
  }

  /**
   * Does, in a later turn, what is left to do after waits have ended.
   *
   * @param refs how many of them kept the process alive.
   */
  #tidyUp(refs: number): void {
    this.#refs -= refs;
    if (refs > 0 && this.#refs === 0) this.#handle.keepAlive(false);
    if (!this.isEmpty) return;
    // Not in this turn: a loop of waits, one after the other, keeps its listener. Not unref'd: the event loop may sleep
    // before an unref'd immediate runs.
    clock.setImmediate(() => {
      if (!this.isEmpty || !this.#isListening) return;
      this.#isListening = false;
      this.#handle.unlisten();
    });
  }
}
