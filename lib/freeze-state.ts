import { type InspectOptions, inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import {
  checkedConfirmOptions,
  checkedRegisterOptions,
  checkedWaitOptions,
  checkFlag,
  checkMayBlock,
  checkMode,
  checkPids,
  invalidEpoch,
  invalidThis,
  listOfPids,
} from './arguments';
import { capabilities } from './capabilities';
import { changesSince } from './changes';
import { confirm } from './confirm';
import { freezeMessage, freezing, isNews, tellMember, thawing, thawMessage } from './diagnostics';
import type { FreezeClosedError } from './errors';
import { exitsOf } from './exits';
import { closedError, errorOf, type Operation } from './failures';
import { type FreezeHold, framesAbove, take } from './hold';
import { initOf, make } from './making';
import { type HotCalls, type NativeFailure, native, type StateHandle } from './native';
import { find, handleOf } from './sharing';
import { below, inside, memberOf, promised } from './stack';
import {
  type ChangesOptions,
  type ConfirmOptions,
  type ExitOptions,
  type FreezeCapabilities,
  type FreezeHandle,
  type FreezeInit,
  FreezeMode,
  type FreezeOptions,
  type FreezeReport,
  type FreezeSnapshot,
  type MemberStatus,
  type RegisterOptions,
  type ReleaseOptions,
  type WaitOptions,
  type WaitSyncOptions,
} from './types';
import { Waits } from './waits';
import { epochOf, isEpoch, isFrozen, snapshotOf, type Word, wordOf } from './word';

/**
 * A set of processes that is frozen and thawed as one. Its epoch tells a freeze whether work has come in between.
 *
 * Take `currentEpoch` when the last work is done, and freeze at that epoch later: if an {@link FreezeState.unfreeze} came
 * in between, the epoch has passed and the freeze does nothing. From the crate's `FreezeState`; docs/differences.md says
 * what was repaired.
 *
 * After {@link FreezeState.close} every member but `close` throws {@link FreezeClosedError}.
 *
 * @example
 * const sandbox = new FreezeState(FreezeMode.Process, runtime.pid);
 * const epoch = sandbox.currentEpoch;         // the ticket: taken when the work is done
 * setTimeout(() => sandbox.freezeAtEpoch(epoch), 100); // false if work arrived meanwhile
 * sandbox.unfreeze();                         // work arrives
 */
export class FreezeState implements Disposable {
  readonly #handle: StateHandle;
  readonly #waits: Waits;
  // The hot calls, each one property away. They are bound to the state and use no receiver.
  readonly #freezeAtEpoch: HotCalls['freezeAtEpoch'];
  readonly #unfreeze: HotCalls['unfreeze'];
  readonly #word: HotCalls['word'];

  /** What this kernel and this user can do: looked up once per thread, but for the guardian, which is asked each time. */
  static get capabilities(): FreezeCapabilities {
    return capabilities();
  }

  /**
   * Whether SIGCHLD tells of stops and continues of child processes: in this process, for all its states and threads.
   *
   * `false` at first: before it signals, `freeze-state` sets SA_NOCLDSTOP (sigaction(2)) on this process's SIGCHLD. Without
   * the flag each notice wakes the event loop and makes Node check every child it has. `true` takes the flag off, for a
   * `process.on('SIGCHLD')` listener that wants the notices. SIGCHLD tells of exits in either case.
   */
  static get childStopNotices(): boolean {
    return native.childStopNotices();
  }

  /** @throws TypeError for anything but a boolean. */
  static set childStopNotices(value: boolean) {
    inside(FreezeState, () => checkFlag('FreezeState.childStopNotices', value));
    native.setChildStopNotices(value);
  }

  /**
   * @param mode what a freeze covers; by default nothing.
   * @param pid a process to register, as by {@link FreezeState.registerPid}.
   * @throws TypeError for a mode that does not exist and for options of the wrong type.
   * @throws CgroupError where mode `cgroup` cannot have its control group.
   * @throws InvalidPidError, ResourceExhaustedError as `registerPid` does.
   */
  constructor(mode?: FreezeMode, pid?: number, options?: FreezeOptions);
  /** @param init mode, pids and options in one object. */
  constructor(init: FreezeInit);
  constructor(
    first: FreezeMode | FreezeInit = FreezeMode.None,
    pid?: number,
    options?: FreezeOptions,
    attached?: StateHandle,
  ) {
    const init = inside(FreezeState, () => initOf(first, pid, options));
    const isAttached = attached instanceof native.StateHandle;
    this.#handle = isAttached ? attached : inside(FreezeState, () => make(init.mode, init.options));
    this.#waits = Waits.of(this.#handle);
    this.#freezeAtEpoch = this.#handle.freezeAtEpoch;
    this.#unfreeze = this.#handle.unfreeze;
    this.#word = this.#handle.word;
    if (!isAttached) inside(FreezeState, () => this.#registerFirst(init.pids));
  }

  /**
   * A state with several members, such as the runtime and its extensions.
   *
   * @param pids an iterable of pids; registered in its order, all or none.
   * @throws TypeError, InvalidPidError, ResourceExhaustedError as the constructor does.
   */
  static withPids(mode: FreezeMode, pids: Iterable<number>, options: FreezeOptions = {}): FreezeState {
    return inside(FreezeState.withPids, () => {
      checkMode(mode);
      checkPids(pids);
      const state = FreezeState.#of(make(mode, options));
      state.#registerFirst(pids);
      return state;
    });
  }

  /**
   * The same state in this thread: same word, same members, same holds. The state lives as long as any thread has an object
   * of it. It is thawed when the last object is collected, or its thread ends. {@link FreezeState.close} is for all threads.
   *
   * @param handle what {@link FreezeState.share} gave, in any thread of this process; or a structured clone of it.
   * @throws TypeError for a value that is no handle; InvalidHandleError for a handle of another process; FreezeClosedError
   *   if the state was closed or is gone.
   */
  static attach(handle: FreezeHandle): FreezeState {
    return inside(FreezeState.attach, () => FreezeState.#of(find(handle)));
  }

  /**
   * Waits until none of the processes lives. Node itself tells only of the exits of children. A zombie, which has exited and
   * is not reaped yet, does not live; nor does a pid that no process has. Where there are pidfds (Linux 5.3), one thread
   * waits for all of the processes, without polling. It is none of libuv's pool.
   *
   * @param pids what to wait for, members or not; an iterable of integers from 2 to 2^31-1, not our own pid.
   * @throws TypeError, InvalidPidError, RangeError for arguments that are wrong.
   * @throws (rejects) FreezeTimeoutError after `timeout` ms; `signal.reason` when aborted.
   */
  static waitForExit(pids: Iterable<number>, options: ExitOptions = {}): Promise<void> {
    return promised(FreezeState.waitForExit, () => exitsOf(pids, options));
  }

  /** By the constructor's last parameter, which its overload does not show. */
  static #of(handle: StateHandle): FreezeState {
    const Constructor = FreezeState as new (...args: unknown[]) => FreezeState;
    return new Constructor(undefined, undefined, undefined, handle);
  }

  /** What a freeze covers. Constant. */
  get mode(): FreezeMode {
    FreezeState.#readWord(this, 'mode');
    return this.#handle.mode();
  }

  /** The first member's pid, or `undefined` where there is none. */
  get pid(): number | undefined {
    return FreezeState.#members(this, 'pid')[0];
  }

  /**
   * The members' pids in the order of their registration, in a new array. Members that have exited are dropped when a
   * freeze or a thaw meets them.
   */
  get pids(): number[] {
    return FreezeState.#members(this, 'pids');
  }

  /** How many members there are: `pids.length`. */
  get pidCount(): number {
    return FreezeState.#members(this, 'pidCount').length;
  }

  /** In mode `cgroup` the directory of the control group that is frozen; `undefined` in any other mode. Constant. */
  get cgroup(): string | undefined {
    FreezeState.#readWord(this, 'cgroup');
    return this.#handle.cgroup();
  }

  /** Whether the state is frozen: if so, every live member was sent SIGSTOP and no thaw came since. One atomic load. */
  get isFrozen(): boolean {
    return isFrozen(FreezeState.#readWord(this, 'isFrozen'));
  }

  /** How often the state was thawed: an integer from 0 to 2^53-1, and the ticket for a later freeze. One atomic load. */
  get currentEpoch(): number {
    return epochOf(FreezeState.#readWord(this, 'currentEpoch'));
  }

  /** Epoch and frozen together, from one atomic load: the pair was true at one moment. */
  snapshot(): FreezeSnapshot {
    return snapshotOf(FreezeState.#readWord(this, 'snapshot'));
  }

  /**
   * Adds a process to the set. It is signalled only if the state is frozen: then it is stopped at once, as in a frozen
   * cgroup. In mode `cgroup` it is moved into the group, with all its descendants, whenever they were born. Registering a
   * live member again changes nothing. A pid that no process has is accepted, and counts as a member that has exited.
   *
   * @param pid an integer from 2 to 2^31-1; not this process, not a thread.
   * @throws InvalidPidError for any other value.
   * @throws ResourceExhaustedError if this process has no file descriptor left for it (pidfd_open(2): EMFILE).
   * @throws PermissionDeniedError, SignalFailedError where the state is frozen and the process cannot be stopped.
   * @throws CgroupError in mode `cgroup` if it cannot be moved. After any error nothing is registered.
   */
  registerPid(pid: number, options: RegisterOptions = {}): void {
    FreezeState.#check(this, 'registerPid');
    const { joins = false } = inside(FreezeState.prototype.registerPid, () => checkedRegisterOptions(options));
    const isNew = isNews(this.#handle, pid);
    const failures = this.#handle.registerPid(pid, joins);
    if (failures !== undefined) throw failed('registerPid', failures, pid);
    if (isNew) tellMember(this, this.#handle, pid, 'registered');
  }

  /**
   * Adds several processes, each as {@link FreezeState.registerPid} does: all or none. In mode `cgroup` they share the
   * grace period of the kernel that the first move takes.
   *
   * @param pids an iterable of pids; registered in its order.
   * @throws TypeError for a value that is not iterable.
   * @throws as `registerPid` does, for the first that cannot be registered. Then the set is as it was before.
   */
  registerPids(pids: Iterable<number>): void {
    inside(FreezeState.prototype.registerPids, () => {
      FreezeState.#check(this, 'registerPids');
      checkPids(pids);
      this.#registerAll(pids, 'registerPids');
    });
  }

  /**
   * Removes a process from the set, and continues it if this state stopped it.
   *
   * @returns whether it was a member.
   * @throws InvalidPidError for a value that is no pid.
   * @throws PermissionDeniedError, SignalFailedError where it cannot be continued; then it stays a member.
   */
  unregisterPid(pid: number): boolean {
    FreezeState.#check(this, 'unregisterPid');
    const result = this.#handle.unregisterPid(pid);
    if (typeof result !== 'boolean') throw failed('unregisterPid', result, pid);
    if (result) tellMember(this, this.#handle, pid, 'unregistered');
    return result;
  }

  /**
   * Stops every live member, if no thaw came since the epoch was taken: all together or none.
   *
   * SIGSTOP is delivered when this returns. The kernel stops a process that is running at that moment a little later.
   * A stale epoch costs one call into native code and takes no lock.
   *
   * @param epoch {@link FreezeState.currentEpoch} as it was when the decision to freeze was taken.
   * @returns `true`: frozen at this epoch, by this call or one before it. `false`: the epoch has passed, or the mode is
   *   `none`, or the state is held; nothing was left stopped.
   * @throws RangeError for anything but an integer from 0 to 2^53-1.
   * @throws NoPidConfiguredError, ProcessNotFoundError (or MultipleFreezeError) where there is no live member.
   * @throws PermissionDeniedError, SignalFailedError where a member cannot be stopped. In each case the members that
   *   this call stopped were continued again. If one of them cannot be continued, the error names it.
   * @throws UnsupportedPlatformError on Windows, and in mode `process-tree` where there is no /proc.
   */
  freezeAtEpoch(epoch: number): boolean {
    FreezeState.#check(this, 'freezeAtEpoch');
    if (!freezing.hasSubscribers) return this.#freeze(epoch);
    return freezing.traceSync(() => this.#freeze(epoch), freezeMessage(this, this.#handle, 'freezeAtEpoch', epoch));
  }

  #freeze(epoch: number): boolean {
    const result = this.#freezeAtEpoch(epoch);
    if (typeof result !== 'boolean')
      throw result === undefined ? from(invalidEpoch(epoch), 'freezeAtEpoch') : failed('freezeAtEpoch', result);
    if (result) this.#settleWaits();
    return result;
  }

  /**
   * Freezes as {@link FreezeState.freezeAtEpoch} does, and waits until every live member has stopped. A process stops some
   * time after its signal was sent: within microseconds if it sleeps, within a tick of the scheduler if it runs, and not
   * before the end of a vfork(2) that it is in.
   *
   * It works in steps of some 40 µs, the first of them during the call, and uses no other thread. Hundreds of members, or a
   * tree, take several steps: then the state is not frozen yet when the call returns. A thaw by any thread ends it with
   * `isFrozen: false`. After a timeout or an abort the freeze is rolled back, and nothing that it stopped stays stopped.
   *
   * It reads the state of all threads of a process in /proc, and that of a control group in its cgroup.events. Where /proc
   * does not show a child of this process, it asks waitid(2), with WNOWAIT, which leaves the exit to Node.
   *
   * @param epoch as for `freezeAtEpoch`. A freeze at this epoch that exists already is confirmed as it is now: what a
   *   foreign process has continued is stopped again.
   * @throws (rejects) as `freezeAtEpoch` throws; NotStoppedError, which names the processes that did not stop;
   *   ResourceExhaustedError if too few descriptors are left to see whether all have stopped;
   *   `signal.reason` when aborted; FreezeClosedError when the state is closed meanwhile; TypeError or RangeError for
   *   options that are wrong.
   */
  confirmFreezeAtEpoch(epoch: number, options?: ConfirmOptions): Promise<FreezeReport> {
    return promised(FreezeState.prototype.confirmFreezeAtEpoch, () => {
      // Where the call is right, its first step finds out whether the state is closed.
      if (options === undefined && isEpoch(epoch)) FreezeState.#check(this, 'confirmFreezeAtEpoch');
      else FreezeState.#readWord(this, 'confirmFreezeAtEpoch');
      if (!isEpoch(epoch)) throw from(invalidEpoch(epoch), 'confirmFreezeAtEpoch');
      // Most calls give none.
      const checked = options === undefined ? {} : checkedConfirmOptions(options);
      const confirmed = () => confirm(this.#handle, epoch, checked, () => this.#settleWaits());
      if (!freezing.hasSubscribers) return confirmed();
      return freezing.tracePromise(confirmed, freezeMessage(this, this.#handle, 'confirmFreezeAtEpoch', epoch));
    });
  }

  /**
   * What a freeze covers, as it is now: the registered processes in their order, then what came with them. It probes each
   * in /proc, so use it for diagnosis, not for every invocation.
   */
  inspect(): MemberStatus[] {
    FreezeState.#check(this, 'inspect');
    const statuses = this.#handle.inspect();
    if (statuses === undefined) throw closed('inspect');
    return statuses;
  }

  /**
   * Continues the members that a freeze stopped, in the order of their registration, and moves to the next epoch, which
   * cancels a freeze that was scheduled or is in progress. Members that have exited are no error.
   *
   * @throws PermissionDeniedError, SignalFailedError, MultipleFreezeError for members that cannot be continued. All other
   *   members run, and the next `unfreeze` tries those again.
   */
  unfreeze(): void {
    FreezeState.#check(this, 'unfreeze');
    if (thawing.hasSubscribers) thawing.traceSync(() => this.#thaw(), thawMessage(this, this.#handle, 'unfreeze'));
    else this.#thaw();
  }

  #thaw(): void {
    const failures = this.#unfreeze();
    this.#settleWaits();
    if (failures !== undefined) throw failed('unfreeze', failures);
  }

  /** After a change that was made through this object. Most often no wait is pending, and then it asks nothing. */
  #settleWaits(): void {
    if (!this.#waits.isEmpty) this.#waits.settle(this.#word());
  }

  /**
   * Sends SIGCONT to every member, stopped by us or not, and moves to the next epoch. It is for shutting down, when nothing
   * may stay stopped. Members that cannot be continued are skipped. In mode `none` nothing is sent.
   */
  forceUnfreeze(): void {
    FreezeState.#check(this, 'forceUnfreeze');
    this.#traced('forceUnfreeze', () => {
      const failures = this.#handle.forceUnfreeze();
      if (failures !== undefined) throw closed('forceUnfreeze');
      this.#settleWaits();
    });
  }

  /**
   * Waits until the state differs from `since`: frozen, thawed, or both in turn. Nothing is missed between the check and
   * the wait, because states are compared.
   *
   * Changes made in any thread count. A wait takes no thread, neither one of its own nor one of libuv's pool. While it is
   * pending it keeps the state alive, since another thread may still change it.
   *
   * @returns the state after the change.
   * @throws (rejects) FreezeTimeoutError after `timeout` ms; `signal.reason` when aborted; FreezeClosedError when the
   *   state is closed; TypeError or RangeError for options that are wrong.
   */
  waitForStateChange(options: WaitOptions = {}): Promise<FreezeSnapshot> {
    return promised(FreezeState.prototype.waitForStateChange, () => {
      FreezeState.#readWord(this, 'waitForStateChange');
      return this.#waits.add(checkedWaitOptions(options));
    });
  }

  /**
   * As {@link FreezeState.waitForStateChange}, but it blocks this thread. It is for workers that have nothing else to do.
   * `worker.terminate()` and `process.exit()` still end the thread.
   *
   * @param options with `spin` the thread polls for a while before it sleeps, and so sees a change sooner.
   * @returns the state after the change; `undefined` after `timeout` ms without one.
   * @throws TypeError on the main thread without a timeout; TypeError or RangeError for options that are wrong;
   *   FreezeClosedError when the state is closed.
   */
  waitForStateChangeSync(options: WaitSyncOptions = {}): FreezeSnapshot | undefined {
    return inside(FreezeState.prototype.waitForStateChangeSync, () => {
      const now = FreezeState.#readWord(this, 'waitForStateChangeSync');
      const { since, timeout, spin = 0 } = checkedWaitOptions(options, ['since', 'timeout', 'spin']);
      checkMayBlock(isMainThread, timeout);
      const seen = since === undefined ? now : wordOf(since);
      const word = this.#handle.waitForChange(seen, timeout, spin);
      if (word === undefined) throw closed('waitForStateChangeSync');
      return word === seen ? undefined : snapshotOf(word);
    });
  }

  /**
   * The states after each change from now on: the newest at each step, none twice. Ends with `break`, rejects with
   * `signal.reason` when aborted and with FreezeClosedError when the state is closed.
   *
   * @throws TypeError for options that are wrong.
   */
  changes(options: ChangesOptions = {}): AsyncIterableIterator<FreezeSnapshot> {
    const called = <T>(body: () => T): T => inside(FreezeState.prototype.changes, body);
    return called(() => {
      const now = FreezeState.#readWord(this, 'changes');
      const checked = checkedWaitOptions(options, ['signal', 'ref']);
      return changesSince(snapshotOf(now), (wait) => called(() => this.#waits.add(wait)), checked);
    });
  }

  /**
   * Thaws, and keeps the state from being frozen until the hold is released: while any hold lives, in any thread, every
   * freeze answers `false`. For the time in which work is queued or running.
   *
   * @throws as {@link FreezeState.unfreeze}; then nothing is held.
   */
  hold(): FreezeHold {
    FreezeState.#check(this, 'hold');
    const frames = framesAbove(FreezeState.prototype.hold);
    return this.#traced('hold', () => {
      const taken = take(this.#handle, this.#waits, frames);
      this.#settleWaits();
      if (Array.isArray(taken)) throw failed('hold', taken);
      return taken;
    });
  }

  /** How many holds all threads have: 0 to 2^32-1. One atomic load. */
  get holdCount(): number {
    FreezeState.#readWord(this, 'holdCount');
    return this.#handle.holdCount();
  }

  /**
   * Waits until no thread has a hold; it resolves at once if none has. That is the moment to begin the countdown to a freeze,
   * and the state that it gives has the ticket. A new hold may have come by the time that its `await` returns. Then the
   * ticket is stale.
   *
   * @returns the state as it is then.
   * @throws (rejects) as {@link FreezeState.waitForStateChange}.
   */
  waitForRelease(options: ReleaseOptions = {}): Promise<FreezeSnapshot> {
    return promised(FreezeState.prototype.waitForRelease, () => {
      FreezeState.#readWord(this, 'waitForRelease');
      return this.#waits.addForRelease(checkedWaitOptions(options, ['timeout', 'signal', 'ref']));
    });
  }

  /** A small plain object by which {@link FreezeState.attach} finds this state in another thread of this process. */
  share(): FreezeHandle {
    FreezeState.#readWord(this, 'share');
    return handleOf(this.#handle);
  }

  /**
   * For every thread: thaws, forgets the members, ends every wait with {@link FreezeClosedError}, and makes every later
   * operation throw it. Closing again does nothing.
   *
   * @throws PermissionDeniedError, SignalFailedError, MultipleFreezeError for members that cannot be continued. The state
   *   is closed all the same.
   */
  close(): void {
    FreezeState.#check(this, 'close');
    this.#traced('close', () => {
      const failures = this.#handle.close();
      if (!this.#waits.isEmpty) this.#waits.settle(undefined, () => closed('close'));
      if (failures !== undefined) throw failed('close', failures);
    });
  }

  /** {@link FreezeState.close}, for `using`. */
  [Symbol.dispose](): void {
    FreezeState.#check(this, Symbol.dispose);
    this.close();
  }

  /** What `util.inspect` and `console.log` show: mode, members, whether it is frozen, and the epoch. As the crate's `Debug`. */
  [inspect.custom](depth?: number | null, options?: InspectOptions): string {
    // A proxy, a stub, or an object that inherits from a state: console.log must not throw for it.
    if (!FreezeState.#isState(this)) return '[FreezeState without a state]';
    // Node passes numbers and options; another caller may pass anything.
    if (typeof depth === 'number' && depth < 0) return '[FreezeState]';
    const mode = this.#handle.mode();
    const word = this.#word();
    const shown =
      word === undefined
        ? { mode, closed: true }
        : { mode, pids: this.#handle.pids(), isFrozen: isFrozen(word), currentEpoch: epochOf(word) };
    return `FreezeState ${inspect(shown, typeof options === 'object' ? options : {})}`;
  }

  /** An operation that thaws, as docs/diagnostics.md says. */
  #traced<R>(operation: 'forceUnfreeze' | 'hold' | 'close', body: () => R): R {
    return thawing.hasSubscribers ? thawing.traceSync(body, thawMessage(this, this.#handle, operation)) : body();
  }

  /** Only an object that the constructor made has our private fields. */
  static #isState(receiver: unknown): boolean {
    return typeof receiver === 'object' && receiver !== null && #handle in receiver;
  }

  static #check(receiver: unknown, member: PropertyKey): void {
    if (!FreezeState.#isState(receiver)) throw from(invalidThis(String(member)), member);
  }

  /** The word, by one call into native code; throws, for the member that asked, where it says closed. */
  static #readWord(receiver: FreezeState, member: string): Word {
    FreezeState.#check(receiver, member);
    const word = receiver.#word();
    if (word === undefined) throw closed(member);
    return word;
  }

  static #members(receiver: FreezeState, getter: string): number[] {
    FreezeState.#check(receiver, getter);
    const pids = receiver.#handle.pids();
    if (pids === undefined) throw closed(getter);
    return pids;
  }

  /** All or none. */
  #registerAll(pids: Iterable<number>, operation: Operation): void {
    const list = listOfPids(pids);
    const added = [...new Set(list)].filter((pid) => isNews(this.#handle, pid));
    const failed = this.#handle.registerPids(list);
    if (failed !== undefined) throw below(errorOf(failed.failures, operation, list[failed.index]));
    for (const pid of added) tellMember(this, this.#handle, pid, 'registered');
  }

  /** The members of a new state, which no caller has yet: a failure closes it. */
  #registerFirst(pids: Iterable<number>): void {
    try {
      this.#registerAll(pids, 'registerPid');
    } catch (error) {
      this.#handle.close();
      throw error;
    }
  }
}

// The errors of a public member whose name is given, which need no `inside`: a call that may be hot has no closure. What
// other modules throw, or the constructors, goes through `inside` instead.

/** Native code has answered the operation with failures. */
function failed(
  operation: Operation & keyof FreezeState,
  failures: readonly NativeFailure[],
  argument?: unknown,
): Error {
  return from(errorOf(failures, operation, argument), operation);
}

/** Native code has answered that the state is closed. */
function closed(member: PropertyKey): FreezeClosedError {
  return from(closedError(), member);
}

/** Makes the error's stack start at the caller of the method or getter with this name. */
function from<E extends Error>(error: E, member: PropertyKey): E {
  return below(error, memberOf(FreezeState.prototype, member));
}
