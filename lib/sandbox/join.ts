import type { ChildProcess } from 'node:child_process';
import { getSystemErrorName } from 'node:util';
import { FreezeClosedError, type FreezeState } from '../api';
import { clock } from '../clock';
import type { Report, Reports } from './reports';
import { hasEnded } from './works';

/** The exit code of a joiner that could not execute its program. */
const notExecuted = 127;

/** One child that joins the control group, until it has exited. */
export class Join {
  #isOver = false;
  #whenOver: (() => void)[] = [];
  #error: unknown;
  #hasEmitted = false;
  readonly #onExit = (): void => {
    this.#exited();
    this.#emitError();
  };

  /** @param over is called once its program is about to begin, or it has ended. */
  constructor(
    private readonly child: ChildProcess,
    private readonly pid: number,
    readonly state: FreezeState,
    private readonly reports: Reports,
    private readonly number: number,
    private readonly over: (join: Join) => void,
  ) {
    reports.listen(
      number,
      (report) => this.#take(report),
      () => hasEnded(child),
    );
    // The first listener: what went wrong is told before the exit that it leads to.
    child.on('exit', this.#onExit);
  }

  /** Whether it still joins. What Node knows counts, besides the event, whose listener may have been removed. */
  get isJoining(): boolean {
    if (hasEnded(this.child)) this.#exited();
    return !this.#isOver;
  }

  /** Resolves when its program is about to begin, or it has ended. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver) resolve();
      else this.#whenOver.push(resolve);
    });
  }

  #take({ what, errno }: Report): void {
    if (what === 'exec') this.#cannotExecute(errno);
    else if (what === 'in') this.#checkInside();
    else this.#move();
    this.#end();
  }

  #exited(): void {
    // The loop may not have read its last report yet.
    if (!this.#isOver || this.child.exitCode === notExecuted) this.reports.readOf(this.number);
    this.reports.forget(this.number);
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const resolve of this.#whenOver.splice(0)) resolve();
    this.over(this);
  }

  #cannotExecute(errno: number): void {
    this.#error ??= execError(this.child, errno);
    // The exit is about to come, and emits the error, unless its listener was removed.
    clock.setImmediate(() => {
      if (!this.child.listeners('exit').includes(this.#onExit)) this.#emitError();
    });
  }

  /**
   * It could not join, and waits before its program begins. We may be allowed to move it. It asks again if another process sent it
   * SIGCONT, which may have hidden ours.
   */
  #move(): void {
    const { child, pid, state } = this;
    if (hasEnded(child)) return;
    try {
      if (state.pids.includes(pid)) state.registerPid(pid);
    } catch (error) {
      if (!(error instanceof FreezeClosedError)) {
        this.#fail(error);
        return;
      }
    }
    try {
      // Not by the child's own `kill`, which notes that it was called.
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      // Or else it has been killed since.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') this.#fail(error);
    }
  }

  /** Its program must not begin. Where it cannot be killed, no exit comes before this process ends. */
  #fail(error: unknown): void {
    this.#error ??= error;
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      this.#emitError();
    }
  }

  /** Where nobody listens, or a listener throws, that must not keep the child from telling of its exit. */
  #emitError(): void {
    if (this.#error === undefined || this.#hasEmitted) return;
    this.#hasEmitted = true;
    try {
      this.child.emit('error', this.#error);
    } catch (thrown) {
      clock.nextTick(() => {
        throw thrown;
      });
    }
  }

  /** From now on it has to be inside, as any member. */
  #checkInside(): void {
    const { child, pid, state } = this;
    if (hasEnded(child)) return;
    try {
      if (state.pids.includes(pid)) state.registerPid(pid);
    } catch {
      // The state is closed; or the child has left, and cannot be moved in. Then the next freeze says so.
    }
  }
}

/** The error that Node makes for a program that it cannot execute. */
function execError({ spawnfile, spawnargs }: ChildProcess, errno: number): Error {
  const code = getSystemErrorName(-errno);
  const syscall = `spawn ${spawnfile}`;
  return Object.assign(new Error(`${syscall} ${code}`), {
    errno: -errno,
    code,
    syscall,
    path: spawnfile,
    spawnargs: spawnargs.slice(1),
  });
}
