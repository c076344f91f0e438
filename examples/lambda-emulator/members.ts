import { type AnyFreezeError, FreezeError, type FreezeHold, FreezeMode, NotStoppedError } from 'freeze-state';
import { Sandbox } from 'freeze-state/sandbox';
import type { ProcessSpec } from './config';
import { type Happening, nowUs } from './log';
import { SandboxProcess } from './processes';

/**
 * The processes of the emulator, in a `Sandbox` of freeze-state: it starts them, freezes them when there is no work, and
 * ends them with all that they have started. This class says what is work, and logs what the sandbox tells.
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
    private readonly log: ((happening: Happening, atUs?: number) => void) | undefined,
    private readonly onFailure: (error: unknown) => void,
  ) {
    // The processes end with us, however we end: by an exit, an error, or SIGKILL.
    const freezeAfter = mode === FreezeMode.None ? false : graceMs;
    this.#sandbox = new Sandbox({ mode, freezeAfter, onParentDeath: 'kill' });
    this.#sandbox.on('freeze', ({ epoch, signaledNs, stoppedNs }) => {
      if (this.#isOver) return;
      const stoppedUs = Math.round(stoppedNs / 1000);
      const signalledUs = Math.round(signaledNs / 1000);
      this.#isFrozen = true;
      log?.({ what: 'freeze', epoch, signalledUs, stoppedUs, others: this.#others }, nowUs() - stoppedUs);
    });
    this.#sandbox.on('thaw', ({ epoch }) => this.#thawed(epoch, nowUs()));
    this.#sandbox.on('cancel', ({ epoch }) => {
      if (!this.#isOver) log?.({ what: 'cancelled', epoch, now: this.#sandbox.state.currentEpoch });
    });
    this.#sandbox.on('freezeFailed', (error) => this.#freezeFailed(error));
  }

  spawn(spec: ProcessSpec, environment: NodeJS.ProcessEnv): SandboxProcess {
    const started = new SandboxProcess(spec, environment, this.#sandbox);
    this.#processes.push(started);
    return started;
  }

  /** The processes that live. */
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
   * The state letter of each process, by its name. /proc does not always tell it: a process in a frozen cgroup has the letter of
   * what it did before.
   */
  get states(): Record<string, string> {
    const frozen = new Set<number>();
    if (this.#isFrozen) {
      for (const { pid, state } of this.#sandbox.state.inspect()) if (state === 'stopped') frozen.add(pid);
    }
    const letter = (one: SandboxProcess) => (frozen.has(one.pid) ? 'T' : one.stateLetter);
    return Object.fromEntries(this.#processes.map((one) => [one.name, letter(one)]));
  }

  /** The pids of what the processes have started and what is frozen with them; empty if the mode does not list them. */
  get #others(): number[] {
    const others = this.#sandbox.state.inspect().filter(({ role }) => role === 'descendant');
    return others.map(({ pid }) => pid);
  }

  /** Logged at once if we thaw, so that it comes before the delivery; otherwise when the sandbox tells of it. */
  #thawed(epoch: number, atUs: number): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.log?.({ what: 'thaw', epoch, tookUs: nowUs() - atUs }, atUs);
  }

  #freezeFailed(error: AnyFreezeError): void {
    if (this.#isOver) return;
    if (!(error instanceof NotStoppedError)) {
      this.onFailure(error);
      return;
    }
    // A process did not stop, perhaps in vfork(2), so all were continued. No work has come since. So try again, after the pause
    // that the sandbox makes.
    this.log?.({ what: 'undone', pids: error.processes.map(({ pid }) => pid) });
    this.work('once more')?.release();
  }
}
