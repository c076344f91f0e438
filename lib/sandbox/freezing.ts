import { addAbortListener } from 'node:events';
import {
  type AnyFreezeError,
  type ConfirmOptions,
  FreezeError,
  FreezeMode,
  type FreezeReport,
  type FreezeSnapshot,
  type FreezeState,
  type FrozenReport,
  MultipleFreezeError,
  NoPidConfiguredError,
  NotStoppedError,
  ProcessNotFoundError,
} from '../api';
import { checkedConfirmOptions } from '../arguments';
import { clock } from '../clock';
import { hasRolledBack, noteRollBack } from '../roll-backs';
import { follow, IdleTimer } from './idle';
import type { Policy } from './options';
import type { SandboxEvents } from './types';

/** Milliseconds until the next freeze after one that was rolled back because a process did not stop; doubled each time. */
const firstPause = 1_000;
const longestPause = 60_000;

export type Tell = <Name extends keyof SandboxEvents>(name: Name, ...event: SandboxEvents[Name]) => void;

/** Decides when a sandbox is frozen, and emits the events. */
export class Freezing {
  readonly #timer = new IdleTimer((ticket) => void this.#freezeWhenIdle(ticket));
  /** The freeze whose thaw has not been emitted yet. */
  #frozen: { readonly epoch: number; readonly at: number } | undefined;
  #notBefore = 0;
  /** The epoch that the roll-back of a failed freeze has moved on to. */
  #rollBack = -1;
  #pause = firstPause;
  #isOver = false;

  constructor(
    private readonly state: FreezeState,
    private readonly policy: Policy,
    private readonly tell: Tell,
    /** Before a freeze: waits until no child is joining the group; `undefined` if none is. */
    private readonly ready: (options: ConfirmOptions) => Promise<unknown> | undefined,
    /** Called once the state is closed, by whomever. */
    closed: () => void,
  ) {
    void follow(
      state,
      ({ epoch }) => this.#changed(epoch),
      ({ epoch }) => this.#arm(epoch),
    ).then(() => {
      this.#thawedByClose();
      closed();
    });
  }

  /** At the current epoch. */
  async now(options: ConfirmOptions): Promise<FreezeReport> {
    const { signal, ...checked } = checkedConfirmOptions(options);
    if (signal === undefined) return await this.#now(checked);
    // One of its own, since a caller may give one to several freezes. Not by AbortSignal.any(), which leaves an entry on the
    // caller's for as long as that lives.
    const own = new AbortController();
    const abort = (): void => own.abort(signal.reason);
    if (signal.aborted) abort();
    const listener = addAbortListener(signal, abort);
    try {
      return await this.#now({ ...checked, signal: own.signal });
    } finally {
      listener[Symbol.dispose]();
    }
  }

  async #now(options: ConfirmOptions): Promise<FreezeReport> {
    const epoch = this.state.currentEpoch;
    let checked = options;
    const { signal } = options;
    // A freeze without a wait takes its first step during the call.
    const begin = clock.now();
    const wait = this.ready(checked);
    if (wait !== undefined) {
      await wait;
      const { timeout } = checked;
      if (timeout !== undefined)
        checked = { ...checked, timeout: Math.ceil(Math.max(0, timeout + begin - clock.now())) };
    }
    try {
      const report = await this.state.confirmFreezeAtEpoch(epoch, checked);
      if (report.isFrozen) this.#told(report);
      return report;
    } catch (error) {
      // An abort may have come with the work that thawed, whose end is a reason to freeze again.
      if (isRollBack(error) || (signal !== undefined && hasRolledBack(signal))) this.#rolledBack(epoch);
      throw error;
    }
  }

  /** From now on no freeze becomes due. */
  stop(): void {
    this.#isOver = true;
    this.#timer.stop();
  }

  #arm(ticket: number): void {
    const { freezeAfter } = this.policy;
    if (freezeAfter !== false && ticket !== this.#rollBack && !this.#isOver)
      this.#timer.arm(ticket, Math.max(freezeAfter, this.#notBefore - clock.now()));
  }

  async #freezeWhenIdle(ticket: number): Promise<void> {
    try {
      const wait = this.ready(this.policy.confirm ?? {});
      if (wait !== undefined) await wait;
      // Frozen by a call outside of this class, at this ticket or a newer one.
      if (this.state.isFrozen) return;
      const report = await this.#freeze(ticket);
      if (report.isFrozen) {
        this.#pause = firstPause;
        this.#told(report);
      } else this.tell('cancel', { epoch: ticket, reason: report.reason });
    } catch (error) {
      if (!(error instanceof FreezeError)) throw error;
      if (isRollBack(error)) this.#rolledBack(ticket);
      this.#failed(error as AnyFreezeError);
    }
  }

  async #freeze(epoch: number): Promise<FreezeReport> {
    const { state } = this;
    const { confirm } = this.policy;
    if (confirm !== undefined) return await state.confirmFreezeAtEpoch(epoch, confirm);
    const begin = clock.now();
    if (!signalled(state, epoch)) return { isFrozen: false, epoch, reason: whyNot(state, epoch) };
    const ns = Math.round((clock.now() - begin) * 1e6);
    const members = state.pids.map((pid) => ({ pid, outcome: 'stopped' as const }));
    return { isFrozen: true, epoch, members, signaledNs: ns, stoppedNs: ns };
  }

  /** The roll-back of a freeze is a thaw. It is not the end of work, and so no reason to freeze again. */
  #rolledBack(ticket: number): void {
    if (this.#snapshot()?.epoch !== ticket + 1) return;
    this.#rollBack = ticket + 1;
    // The thaw may have been noticed before the failure.
    this.#timer.disarm(ticket + 1);
  }

  #failed(error: AnyFreezeError): void {
    if (error.code === 'ERR_FREEZE_CLOSED' || isAboutExits(error)) return;
    if (error instanceof NotStoppedError) {
      this.#notBefore = clock.now() + this.#pause;
      this.#pause = Math.min(2 * this.#pause, longestPause);
    }
    this.tell('freezeFailed', error);
  }

  #told(report: FrozenReport): void {
    const { epoch } = report;
    if (this.#frozen?.epoch === epoch) return;
    this.#frozen = { epoch, at: clock.now() };
    this.tell('freeze', report);
    // The sandbox may have been thawed by now, and that may have been noticed already.
    const now = this.#snapshot();
    if (now === undefined) this.#thawedByClose();
    else this.#changed(now.epoch);
  }

  /** `undefined` once it is closed. */
  #snapshot(): FreezeSnapshot | undefined {
    try {
      return this.state.snapshot();
    } catch {
      return undefined;
    }
  }

  /** The close was the one thaw since, so far as can be known: a closed state has no epoch to read. */
  #thawedByClose(): void {
    if (this.#frozen !== undefined) this.#changed(this.#frozen.epoch + 1);
  }

  #changed(epoch: number): void {
    if (this.#frozen === undefined || this.#frozen.epoch === epoch) return;
    const frozenMs = clock.now() - this.#frozen.at;
    this.#frozen = undefined;
    this.tell('thaw', { epoch, frozenMs });
  }
}

function signalled(state: FreezeState, epoch: number): boolean {
  const isDue = state.currentEpoch === epoch;
  try {
    return state.freezeAtEpoch(epoch);
  } catch (error) {
    if (error instanceof FreezeError && isDue && state.currentEpoch !== epoch) noteRollBack(error);
    throw error;
  }
}

/** Not every failure is one: work that comes before it is told of moves the epoch on as well. */
function isRollBack(error: unknown): boolean {
  return error instanceof FreezeError && hasRolledBack(error);
}

function whyNot(state: FreezeState, epoch: number) {
  if (state.mode === FreezeMode.None) return 'mode-none';
  return state.currentEpoch === epoch ? 'held' : 'stale';
}

/** Whether no process is left that could be frozen. Exits are no failure. */
function isAboutExits(error: unknown): boolean {
  if (error instanceof MultipleFreezeError) return error.errors.every(isAboutExits);
  return error instanceof ProcessNotFoundError || error instanceof NoPidConfiguredError;
}
