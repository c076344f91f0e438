import { type AnyFreezeError, FreezeError, type FreezeHold, FreezeMode, NotStoppedError } from 'freeze-state';
import { Sandbox } from 'freeze-state/sandbox';
import type { ProcessSpec } from './config';
import { type Happening, nowUs } from './log';
import { SandboxProcess } from './processes';

/**
 * The processes of the emulator, in a `Sandbox` of freeze-state: it starts them, freezes them when there is no work, and
 * ends them with all that they have started. This class says what is work, and writes down what it hears.
 */
export class Members {
  readonly #sandbox: Sandbox;
  readonly #processes: SandboxProcess[] = [];
  /** Whether the log has a freeze and not yet its thaw. */
  #isFrozen = false;
  #isOver = false;
  #lastWork: FreezeHold | undefined;

  constructor(
    mode: FreezeMode,
    graceMs: number,
    private readonly log: (happening: Happening, atUs?: number) => void,
    private readonly onFailure: (error: unknown) => void,
  ) {
    // However we end: by an exit, an error, or SIGKILL.
    const freezeAfter = mode === FreezeMode.None ? false : graceMs;
    this.#sandbox = new Sandbox({ mode, freezeAfter, onParentDeath: 'kill' });
    this.#sandbox.on('freeze', ({ epoch, signaledNs, stoppedNs }) => {
      if (this.#isOver) return;
      const stoppedUs = Math.round(stoppedNs / 1000);
      const signalledUs = Math.round(signaledNs / 1000);
      this.#isFrozen = true;
      log({ what: 'freeze', epoch, signalledUs, stoppedUs, others: this.#others }, nowUs() - stoppedUs);
    });
    this.#sandbox.on('thaw', ({ epoch }) => this.#thawed(epoch, nowUs()));
    this.#sandbox.on('cancel', ({ epoch }) => {
      if (!this.#isOver) log({ what: 'cancelled', epoch, now: this.#sandbox.state.currentEpoch });
    });
    this.#sandbox.on('freezeFailed', (error) => this.#freezeFailed(error));
  }

  spawn(spec: ProcessSpec, environment: NodeJS.ProcessEnv): SandboxProcess {
    const started = new SandboxProcess(spec, environment, this.#sandbox);
    this.#processes.push(started);
    return started;
  }

  /** Those that live. */
  get pids(): number[] {
    return this.#processes.filter(({ hasExited }) => !hasExited).map(({ pid }) => pid);
  }

  /** Work: it thaws, and there is no freeze until the hold is released. Undefined once it is all over. */
  work(label: string): FreezeHold | undefined {
    if (this.#isOver) return undefined;
    const atUs = nowUs();
    try {
      const hold = this.#sandbox.work({ label });
      this.#thawed(this.#sandbox.state.currentEpoch, atUs);
      return hold;
    } catch (error) {
      if (!(error instanceof FreezeError)) throw error;
      this.onFailure(error);
      return undefined;
    }
  }

  /** There is no freeze from now on. */
  thawForGood(): void {
    this.#lastWork ??= this.work('the end');
    this.#isOver = true;
  }

  /** Ends what is left of them, by SIGKILL, and waits until it has ended. */
  async terminate(): Promise<void> {
    await this.#sandbox.terminate({ forceKillAfter: 0 });
  }

  /** Ends all of them now, without asking. */
  kill(): void {
    this.#isOver = true;
    this.#isFrozen = false;
    this.#sandbox.kill();
  }

  /**
   * The state letter of each by its name. /proc does not always tell: of a process in a frozen cgroup it says what the process
   * did before.
   */
  get states(): Record<string, string> {
    const frozen = new Set<number>();
    if (this.#isFrozen) {
      for (const { pid, state } of this.#sandbox.state.inspect()) if (state === 'stopped') frozen.add(pid);
    }
    const letter = (one: SandboxProcess) => (frozen.has(one.pid) ? 'T' : one.stateLetter);
    return Object.fromEntries(this.#processes.map((one) => [one.name, letter(one)]));
  }

  /** What the processes have started themselves and is frozen with them; none where the mode does not know it one by one. */
  get #others(): number[] {
    const others = this.#sandbox.state.inspect().filter(({ role }) => role === 'descendant');
    return others.map(({ pid }) => pid);
  }

  /** Written at once where we thaw, so that it stands before the delivery; else when the sandbox tells of it. */
  #thawed(epoch: number, atUs: number): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.log({ what: 'thaw', epoch, tookUs: nowUs() - atUs }, atUs);
  }

  #freezeFailed(error: AnyFreezeError): void {
    if (this.#isOver) return;
    if (!(error instanceof NotStoppedError)) {
      this.onFailure(error);
      return;
    }
    // A process did not stop, in vfork(2) perhaps, so all were continued. Nothing has come since: once more, after a pause
    // that the sandbox makes.
    this.log({ what: 'undone', pids: error.processes.map(({ pid }) => pid) });
    this.work('once more')?.release();
  }
}
