import { FreezeState, FreezeTimeoutError } from '../api';
import { clock } from '../clock';
import { statOf } from '../proc-stat';
import { shown } from '../show';
import type { Children } from './children';
import type { Terms } from './options';
import { isAlive, isQuiet, type Look, lookAround, lookAroundNext, type Process } from './process-table';
import type { Reach } from './reach';
import type { EndedProcess } from './types';

/** How often /proc is read at most for processes that were missed: where others come and go all the time, no two readings agree. */
const mostLooks = 30;
/** In so many readings one after the other none is found: while a process executes another program, its tag is not seen. */
const emptyLooks = 3;

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
    let isAsking = forceKillAfter > 0;
    let wave = this.#signal(isAsking ? killSignal : 'SIGKILL');
    thaw();
    for (;;) {
      // A process that was started meanwhile is asked when all before it have ended: their handlers may need it.
      if (wave.length === 0) wave = await this.#signalNewcomers(isAsking ? killSignal : 'SIGKILL');
      if (wave.length === 0) return this.#ended();
      const haveEnded = await this.#haveEnded(wave, isAsking ? askUntil : begin + timeout, signal);
      if (!haveEnded && !isAsking) {
        signal?.throwIfAborted();
        // The timer comes first where this thread was busy: they have ended, and Node is about to tell of it.
        if (!wave.every((one) => one.start !== 0 && !isAlive(one)))
          throw new FreezeTimeoutError(notEnded(wave, timeout), timeout);
      }
      isAsking &&= haveEnded;
      wave = haveEnded ? [] : this.#signal('SIGKILL');
    }
  }

  /** Those that there are after all before them have ended. None only where it is certain that there are none. */
  async #signalNewcomers(signal: NodeJS.Signals): Promise<Process[]> {
    let before: Look | undefined;
    for (let looks = 1; looks <= mostLooks; looks += 1) {
      const look = await lookAroundNext();
      const wave = this.#signal(signal, look);
      if (wave.length > 0) return wave;
      if (looks >= emptyLooks && before !== undefined && isQuiet(before, look)) break;
      before = look;
    }
    return [];
  }

  /** Kills all processes at once, without waiting for their ends. */
  kill(): void {
    let before: Look | undefined;
    for (let looks = 1; looks <= mostLooks; looks += 1) {
      const look = lookAround();
      const known = this.#records.size;
      const wave = this.#signal('SIGKILL', look);
      // Those that it has found it killed the last time.
      const isSure = wave.length > 0 || (before !== undefined && isQuiet(before, look));
      if (this.#records.size === known && isSure) return;
      before = look;
    }
  }

  #signal(signal: NodeJS.Signals, look?: Look): Process[] {
    const wave = this.reach.signal(signal, look);
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
