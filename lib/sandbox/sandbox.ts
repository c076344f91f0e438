import * as childProcess from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import {
  type AnyFreezeError,
  type ConfirmOptions,
  FreezeClosedError,
  type FreezeHold,
  FreezeMode,
  type FreezeReport,
  FreezeState,
} from '../api';
import { clock } from '../clock';
import { forgetAtExit, killAtExit } from './at-exit';
import { Children } from './children';
import { Ending } from './ending';
import { Freezing, type Tell } from './freezing';
import { Joins } from './joins';
import { checkChild, checkedPolicy, checkedTerms, checkedWork, checkMayReadProc, type Terms } from './options';
import { Reach } from './reach';
import { sandboxed } from './spawning';
import { traced } from './tracing';
import type { EndedProcess, SandboxEvents, SandboxOptions, TerminateOptions, Work, WorkOptions } from './types';
import { Works } from './works';

/**
 * The life of a sandbox: its processes are started inside, frozen when there is no work, and ended together. It is a policy
 * on top of a {@link FreezeState}. That is its {@link Sandbox.state}, which can be used beside it, for example by `hold` in
 * other threads.
 *
 * Idle means that no thread has a hold on the state. The countdown to a freeze begins when the last hold is released, and not
 * before there was one. `spawn` is a hold for as long as it takes. So take the work of the init phase before `spawn`.
 *
 * @example
 * const sandbox = new Sandbox({ freezeAfter: 20 });
 * const init = sandbox.work({ label: 'init' });
 * const runtime = sandbox.spawn('node', ['runtime.js']);
 * init.release();                   // it has asked for the first event: frozen 20 ms later
 * const event = sandbox.work();     // thawed
 * event.release();
 * await sandbox.terminate();
 */
export class Sandbox extends EventEmitter<SandboxEvents> implements AsyncDisposable {
  /** The mechanism: same members, same epoch. `state.share()` is for other threads. */
  readonly state: FreezeState;
  /** `spawn` of `node:child_process`, into the sandbox: the child is a member when it returns. It thaws. */
  readonly spawn: typeof childProcess.spawn;
  /** As {@link Sandbox.spawn}, by `fork` of `node:child_process`. */
  readonly fork: typeof childProcess.fork;
  readonly #mode: FreezeMode;
  readonly #works: Works;
  readonly #children: Children;
  /** In mode `cgroup`. */
  readonly #joins: Joins | undefined;
  readonly #reach: Reach;
  readonly #freezing: Freezing;
  readonly #ending: Ending;
  #end: Promise<EndedProcess[]> | undefined;
  #isOver = false;
  /** Kept, since a hold that is garbage collected is released. */
  #lastHold: FreezeHold | undefined;

  /**
   * @throws TypeError, RangeError for options that are wrong.
   * @throws CgroupError where mode `cgroup` cannot have its control group.
   */
  constructor(options: SandboxOptions = {}) {
    super();
    const policy = checkedPolicy(options);
    checkMayReadProc();
    const { mode } = policy;
    this.#mode = mode;
    const tell: Tell = (name, ...event) => clock.nextTick(() => this.#tell(name, event));
    const id = randomUUID();
    // With the tag, the guardian finds the same processes as `terminate`.
    const end = policy.endsWithParent ? ({ onParentDeath: 'kill', mark: id } as const) : {};
    this.state = new FreezeState({ mode, ...policy.state, ...end });
    if (policy.endsWithParent) killAtExit(this);
    this.#works = new Works(this.state);
    this.#children = new Children(this.state, this.#works, (child) => tell('exit', child));
    this.#joins = mode === FreezeMode.Cgroup ? new Joins(this.state) : undefined;
    const { cgroup: _, ...others } = policy.state;
    this.#reach = new Reach(id, this.state, mode, this.#children, others);
    this.#ending = new Ending(this.#reach, this.#children);
    this.#freezing = new Freezing(
      this.state,
      policy,
      tell,
      (limits) => this.#joins?.allJoined(limits),
      () => {
        this.#joins?.close();
        forgetAtExit(this);
      },
    );
    const inside =
      (start: (...given: never[]) => childProcess.ChildProcess, isFork: boolean) =>
      (...given: unknown[]) => {
        return this.#start(() => {
          const checked = sandboxed(given, mode, id) as never[];
          const child = this.#joins?.start(checked, isFork);
          return child === undefined ? { child: start(...checked) } : { child, joins: true };
        }, true);
      };
    this.spawn = inside(childProcess.spawn as never, false) as typeof childProcess.spawn;
    this.fork = inside(childProcess.fork as never, true) as typeof childProcess.fork;
  }

  /**
   * Makes a child that another library has started a member, as `spawn` does with its own.
   *
   * @returns the child.
   * @throws as {@link FreezeState.registerPid}; in mode `process-group` if the child leads no group.
   */
  adopt<C extends childProcess.ChildProcess>(child: C): C {
    checkChild('child', child);
    return this.#start(() => ({ child }), false);
  }

  /** The holds that this thread has taken by {@link Sandbox.work} and not released: why the sandbox is not freezing. */
  get works(): readonly Work[] {
    return this.#works.list();
  }

  /**
   * Thaws, and keeps the sandbox from being frozen until the hold is released. Take one for each participant that is not
   * parked, and one for each event that is queued.
   *
   * @throws as {@link FreezeState.hold}; FreezeClosedError once the sandbox ends.
   */
  work(options: WorkOptions = {}): FreezeHold {
    const checked = checkedWork(options);
    this.#checkNotOver();
    return this.#works.take(checked);
  }

  /**
   * Freezes now, at the current epoch, without waiting for `freezeAfter`.
   *
   * @returns the report. While there is work, it says that the sandbox was not frozen.
   * @throws (rejects) as {@link FreezeState.confirmFreezeAtEpoch}.
   */
  async freeze(options: ConfirmOptions = {}): Promise<FreezeReport> {
    this.#checkNotOver();
    return await this.#freezing.now(options);
  }

  /**
   * Ends every process of the sandbox, and what they have started. It asks them by a signal, thaws, waits, and sends SIGKILL to
   * those that are left. From the call on there is no freeze and no `spawn`. At the end the state is closed. Calling it again
   * gives the same promise.
   *
   * @returns how each process ended.
   * @throws (rejects) FreezeTimeoutError if a process does not die, or if others may be left that exit before they can be read
   *   in /proc; `signal.reason` when aborted, and then all were sent SIGKILL; TypeError or RangeError for options that are wrong;
   *   the error of `state.close()`, when all have ended.
   */
  terminate(options: TerminateOptions = {}): Promise<EndedProcess[]> {
    if (this.#end !== undefined) return this.#end;
    try {
      const terms = checkedTerms(options);
      terms.signal?.throwIfAborted();
      this.#end = traced(this.state, this.#mode, () => this.#terminate(terms));
      return this.#end;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** {@link Sandbox.terminate}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }

  /**
   * Sends SIGKILL to every process of the sandbox and closes the state, without waiting for their ends. It is for a listener of
   * `process.on('exit')`. To wait for the ends, call {@link Sandbox.terminate} after it.
   *
   * @returns whether it is certain that no process was missed. It is not if /proc cannot be read, for example for lack of a
   *   descriptor, or if processes went on to start others and exit, faster than they can be read.
   * @throws the error of `state.close()`; all were sent SIGKILL before.
   */
  kill(): boolean {
    return this.#kill();
  }

  #kill(): boolean {
    this.#isOver = true;
    try {
      return this.#ending.kill();
    } finally {
      this.#close();
    }
  }

  async #terminate(terms: Terms): Promise<EndedProcess[]> {
    this.#isOver = true;
    this.#freezing.stop();
    let ended: EndedProcess[];
    try {
      ended = await this.#ending.run(terms, () => this.#thawForGood());
    } catch (error) {
      try {
        this.#kill();
      } catch {
        // All were sent SIGKILL, and the first error is the reason.
      }
      throw error;
    }
    this.#close();
    return ended;
  }

  /** A hold that is not released: no thread can freeze from now on. */
  #thawForGood(): void {
    try {
      this.#lastHold = this.state.hold();
    } catch {
      // The state is closed; or a process cannot be continued, and all others are.
    }
  }

  #close(): void {
    this.#freezing.stop();
    this.#joins?.close();
    try {
      this.state.close();
    } finally {
      forgetAtExit(this);
      this.#lastHold?.release();
    }
  }

  #start<C extends childProcess.ChildProcess>(start: () => Started<C>, isOurs: boolean): C {
    this.#checkNotOver();
    const hold = this.state.hold();
    try {
      const { child, joins = false } = start();
      this.#add(child, joins, isOurs);
      return child;
    } finally {
      hold.release();
    }
  }

  #add(child: childProcess.ChildProcess, joins: boolean, isOurs: boolean): void {
    try {
      this.#children.add(child, joins);
      this.#reach.started(child.pid);
    } catch (error) {
      if (isOurs) {
        child.kill('SIGKILL');
        // Nobody else has the child, to listen for it.
        child.on('error', () => undefined);
      }
      throw error;
    }
  }

  #checkNotOver(): void {
    if (this.#isOver) throw new FreezeClosedError('The sandbox has ended, or is about to.');
  }

  #tell<Name extends keyof SandboxEvents>(name: Name, event: SandboxEvents[Name]): void {
    if (name === 'freezeFailed' && this.listenerCount(name) === 0) warnOnce(event[0] as AnyFreezeError);
    else (this as EventEmitter).emit(name, ...event);
  }
}

interface Started<C> {
  readonly child: C;
  /** It moves itself into the control group. */
  readonly joins?: boolean;
}

const warned = new Set<string>();

/** Once for each code: a freeze that fails is tried again and again. */
function warnOnce({ code, message }: AnyFreezeError): void {
  if (warned.has(code)) return;
  warned.add(code);
  const detail = "Listen to 'freezeFailed' of the sandbox to be told of each failure.";
  process.emitWarning(`A sandbox was not frozen. ${message}`, { type: 'FreezeFailedWarning', code, detail });
}
