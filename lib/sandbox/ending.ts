import { FreezeState, FreezeTimeoutError } from '../api';
import { clock } from '../clock';
import { statOf } from '../proc-stat';
import { shown } from '../show';
import type { Children, LivingChild } from './children';
import type { Terms } from './options';
import { isAlive, isQuiet, type Process, type Reading, readTable, readTableNext } from './process-table';
import type { Reach } from './reach';
import type { EndedProcess } from './types';

/** So many readings are made one after the other. After that comes a pause, in milliseconds, so that this thread can do other things. */
const quickReadings = 30;
const pause = 10;
/** At least so many readings. Two that find none are enough, unless pids start over at the lowest in between. */
const leastReadings = 3;

interface Record {
  readonly process: Process;
  readonly child: LivingChild | undefined;
  wasKilled: boolean;
}

/** Ends every process that a sandbox reaches. */
export class Ending {
  /** By the child, since /proc cannot always tell its start; for others by pid and start. */
  readonly #records = new Map<LivingChild | string, Record>();
  /** The last one that was not certain. */
  #reading: Reading | undefined;

  constructor(
    private readonly reach: Reach,
    private readonly children: Children,
  ) {}

  /**
   * Asks all processes to end, and kills those that do not. The first signals are sent during the call.
   *
   * @param thaw is called once these are sent.
   */
  async run({ killSignal, forceKillAfter, timeout, signal }: Terms, thaw: () => void): Promise<EndedProcess[]> {
    const begin = clock.now();
    const deadline = begin + timeout;
    const askUntil = begin + Math.min(forceKillAfter, timeout);
    let isAsking = forceKillAfter > 0;
    let wave: readonly Process[] = this.#signal(isAsking ? killSignal : 'SIGKILL');
    thaw();
    for (;;) {
      const limit = isAsking ? askUntil : deadline;
      const haveEnded = await this.#haveEnded(wave, limit, signal);
      // If this thread was busy, the timer comes first: they have ended, and Node is about to emit their exits.
      if (haveEnded || (!isAsking && !signal?.aborted && wave.every(isOver))) {
        // A process that was started meanwhile is asked when all before it have ended: their handlers may need it.
        const known = this.#records.size;
        const newcomers = await this.#signalNewcomers(isAsking ? killSignal : 'SIGKILL', limit, signal);
        if (newcomers?.length === 0) return this.#ended();
        const areKnown = newcomers !== undefined && this.#records.size === known;
        wave = newcomers ?? [];
        if (areKnown || clock.now() < limit) continue;
      }
      if (!isAsking) {
        signal?.throwIfAborted();
        throw new FreezeTimeoutError(this.#notEnded(wave, timeout), timeout);
      }
      isAsking = false;
      wave = this.#signal('SIGKILL');
    }
  }

  /**
   * Signals the processes that there are after all earlier ones have ended. Gives an empty array only if it is certain that there
   * are none; `undefined` if that is not known in time, or the signal was aborted.
   */
  async #signalNewcomers(
    signal: NodeJS.Signals,
    limit: number,
    abort: AbortSignal | undefined,
  ): Promise<Process[] | undefined> {
    let before: Reading | undefined;
    for (let readings = 1; ; readings += 1) {
      const reading = await readTableNext(this.reach.since);
      const wave = this.#signal(signal, reading);
      if (wave.length > 0) return wave;
      const { isGroupPopulated } = this.reach;
      const isSure = readings >= leastReadings && before !== undefined && isQuiet(before, reading);
      // What the kernel says of the group is certain. The readings for other processes were enough then.
      if (!isGroupPopulated && (isSure || (isGroupPopulated === false && readings >= quickReadings))) return [];
      this.#reading = reading;
      if (abort?.aborted || (readings >= quickReadings && clock.now() >= limit)) return undefined;
      if (readings >= quickReadings) await clock.sleep(pause);
      before = reading;
    }
  }

  /**
   * Kills all processes at once, without waiting for their ends.
   *
   * @returns whether it is certain that none was missed.
   */
  kill(): boolean {
    let before: Reading | undefined;
    for (let readings = 1; readings <= quickReadings; readings += 1) {
      const reading = readTable(this.reach.since, before);
      const known = this.#records.size;
      this.#signal('SIGKILL', reading);
      const hasFoundAll = this.#records.size === known && before !== undefined && isQuiet(before, reading);
      if (hasFoundAll) return true;
      before = reading;
    }
    return this.reach.isGroupPopulated === false;
  }

  #signal(signal: NodeJS.Signals, reading?: Reading): Process[] {
    const wave = this.reach.signal(signal, reading);
    for (const one of wave) {
      const child = this.children.get(one.pid);
      const key = child ?? `${one.pid} ${one.start}`;
      const record = this.#records.get(key) ?? { process: one, child, wasKilled: false };
      this.#records.set(key, record);
      record.wasKilled ||= signal === 'SIGKILL';
    }
    return wave;
  }

  /** @returns whether all of the wave have ended before the deadline and before an abort. */
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

  #notEnded(wave: readonly Process[], timeout: number): string {
    const left = wave.filter((one) => !isOver(one)).map((one) => statOf(one.pid) ?? one);
    const begin = `Within ${timeout} ms the sandbox did not end.`;
    if (left.length > 0) {
      const all = left.map(({ pid, name, state }) => `${pid} (${shown(name ?? '?')}, state ${state})`);
      return `${begin} These processes were sent SIGKILL and are still there: ${some(all)}.`;
    }
    const last =
      wave.length > 0 ? wave.map(({ pid, name }) => `${pid} (${shown(name ?? '?')})`) : (this.#reading?.unsure ?? []);
    if (last.length === 0) {
      return this.#reading?.isListed === false
        ? `${begin} It is not known what is left: /proc cannot be read, which takes a descriptor.`
        : `${begin} Its control group has processes that /proc does not show.`;
    }
    return (
      `${begin} Some processes exit before it is known what they have started, which may belong to the sandbox. The last of these: ` +
      `${some(last)}. In mode 'cgroup' the kernel ends all at once.`
    );
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

function isOver(one: Process): boolean {
  return one.start !== 0 && !isAlive(one);
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

function some(all: readonly (string | number)[]): string {
  const more = all.length > 5 ? ` and ${all.length - 5} more` : '';
  return all.slice(0, 5).join(', ') + more;
}
