import { clock } from '../clock';
import { FreezeState, FreezeTimeoutError } from '../index';
import { statOf } from '../proc-stat';
import { shown } from '../show';
import type { Children } from './children';
import type { Terms } from './options';
import { isAlive, type Process } from './process-table';
import type { Reach } from './reach';
import type { EndedProcess } from './types';

/** How often a process may start others while it is killed, before `kill` gives up. */
const mostRounds = 20;

interface Record {
  readonly process: Process;
  readonly child: ReturnType<Children['get']>;
  wasKilled: boolean;
}

/** Ends every process that a sandbox reaches. */
export class Ending {
  readonly #records = new Map<string, Record>();

  constructor(
    private readonly reach: Reach,
    private readonly children: Children,
  ) {}

  /**
   * Asks all processes to end, and kills those that do not. The first signals are sent during the call.
   *
   * @param thaw is called once they are sent.
   */
  async run({ killSignal, forceKillAfter, timeout, signal }: Terms, thaw: () => void): Promise<EndedProcess[]> {
    const begin = clock.now();
    const askUntil = begin + Math.min(forceKillAfter, timeout);
    let wave = forceKillAfter === 0 ? [] : this.#signal(killSignal);
    thaw();
    // A process that was started meanwhile is asked when all before it have ended: their handlers may need it.
    while (wave.length > 0 && (await this.#haveEnded(wave, askUntil, signal))) wave = this.#signal(killSignal);
    for (;;) {
      wave = this.#signal('SIGKILL');
      if (wave.length === 0) {
        // Once more: while a process executes another program it has no environment for a moment, and its tag may be the
        // only sign of it.
        await clock.nextTurn();
        wave = this.#signal('SIGKILL');
      }
      if (wave.length === 0) return this.#ended();
      if (await this.#haveEnded(wave, begin + timeout, signal)) continue;
      signal?.throwIfAborted();
      // The timer comes first where this thread was busy: they have ended, and Node is about to tell of it.
      if (wave.every((one) => one.start !== 0 && !isAlive(one))) continue;
      throw new FreezeTimeoutError(notEnded(wave, timeout), timeout);
    }
  }

  /** Kills all processes at once, without waiting for their ends. */
  kill(): void {
    for (let round = 0, before = -1; round < mostRounds && before !== this.#records.size; round += 1) {
      before = this.#records.size;
      this.#signal('SIGKILL');
    }
  }

  #signal(signal: NodeJS.Signals): Process[] {
    const wave = this.reach.signal(signal);
    for (const one of wave) {
      const key = `${one.pid} ${one.start}`;
      const record = this.#records.get(key) ?? { process: one, child: this.children.get(one.pid), wasKilled: false };
      this.#records.set(key, record);
      record.wasKilled ||= signal === 'SIGKILL';
    }
    return wave;
  }

  /** @returns whether all of the wave have ended before the deadline, and before the signal is aborted. */
  async #haveEnded(wave: readonly Process[], deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    const limit = new AbortController();
    const stop = (): void => limit.abort();
    const stopped = new Promise<false>((resolve) => limit.signal.addEventListener('abort', () => resolve(false)));
    const timer = clock.setTimeout(stop, Math.max(0, deadline - clock.now()));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    try {
      const exits = wave.map(({ pid }) => this.children.get(pid)?.exit);
      const others = wave.filter(({ pid }) => this.children.get(pid) === undefined);
      const all = Promise.all([...exits, untilGone(others, limit.signal)]).then(() => !limit.signal.aborted);
      return await Promise.race([all, stopped]);
    } finally {
      limit.abort();
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  #ended(): EndedProcess[] {
    return [...this.#records.values()].map(({ process: { pid, name }, child, wasKilled }) => {
      const { exitCode = null, signalCode = null } = child?.child ?? {};
      return {
        pid,
        ...(name === undefined ? {} : { name }),
        isChild: child !== undefined,
        wasKilled,
        ...(exitCode === null ? {} : { exitCode }),
        ...(signalCode === null ? {} : { signalCode }),
      };
    });
  }
}

async function untilGone(processes: readonly Process[], stop: AbortSignal): Promise<void> {
  let left = processes.filter(isAlive);
  while (left.length > 0 && !stop.aborted) {
    const again = new AbortController();
    const signal = AbortSignal.any([stop, again.signal]);
    const exits = FreezeState.waitForExit(
      left.map(({ pid }) => pid),
      { signal },
    );
    // A process may have exited before the wait began. Then the wait may be for another one, which has its pid by now.
    if (!left.every(isAlive)) again.abort();
    await exits.catch(() => undefined);
    left = left.filter(isAlive);
  }
}

function notEnded(wave: readonly Process[], timeout: number): string {
  const left = wave.filter(isAlive).map((one) => statOf(one.pid) ?? one);
  const some = left.slice(0, 5).map(({ pid, name, state }) => `${pid} (${shown(name ?? '?')}, state ${state})`);
  const more = left.length > some.length ? ` and ${left.length - some.length} more` : '';
  return `Within ${timeout} ms the sandbox did not end. Of processes that were sent SIGKILL there are still ${some.join(', ')}${more}.`;
}
