import type { LogEntry } from '../lambda-emulator/log';

type Entry<What extends LogEntry['what']> = Extract<LogEntry, { what: What }>;

/** A process is drawn as frozen if its heart has not beaten for this long. A busy process may miss some beats. */
const silenceUs = 200_000;

/** A time from its begin to its end, in microseconds of the monotonic clock. */
export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** One freeze and the thaw that ended it. By the log, no process ran between these two. */
export interface Freeze extends Span {
  readonly freeze: Entry<'freeze'>;
  readonly thaw: Entry<'thaw'>;
}

/** The log and the heartbeats of a run, in a form to draw and to check. */
export class Story {
  readonly startUs: number;
  readonly endUs: number;
  readonly freezes: readonly Freeze[];

  /** Reads what `JSON.stringify` has written of a story. */
  static parse(json: string): Story {
    const { log, beats } = JSON.parse(json) as { log: LogEntry[]; beats: Record<string, number[]> };
    return new Story(log, new Map(Object.entries(beats)));
  }

  constructor(
    readonly log: readonly LogEntry[],
    /** For each process, by its name, the times of its heartbeats. */
    readonly beats: ReadonlyMap<string, readonly number[]>,
  ) {
    this.startUs = log[0]?.atUs ?? 0;
    this.endUs = log.at(-1)?.atUs ?? 0;
    const thaws = this.entries('thaw');
    this.freezes = this.entries('freeze').flatMap((freeze) => {
      const thaw = thaws.find(({ atUs }) => atUs >= freeze.atUs);
      if (!thaw) return [];
      return [{ freeze, thaw, fromUs: freeze.atUs + freeze.stoppedUs, toUs: thaw.atUs }];
    });
  }

  toJSON(): object {
    return { log: this.log, beats: Object.fromEntries(this.beats) };
  }

  entries<What extends LogEntry['what']>(what: What): Entry<What>[] {
    return this.log.filter((entry): entry is Entry<What> => entry.what === what);
  }

  /** How many events had been delivered at this time. It is also the number of the last one. */
  eventsUntil(us: number): number {
    return this.entries('deliver').filter(({ atUs }) => atUs <= us).length;
  }

  /** The times in which a process ran, by its heartbeats. Between two of them its heart was silent for long. */
  runs(name: string): Span[] {
    // The exit counts as a last beat: a process that is thawed only to end may have no time for one.
    const exit = this.entries('exit').find((entry) => entry.name === name);
    const runs: { fromUs: number; toUs: number }[] = [];
    for (const us of [...(this.beats.get(name) ?? []), exit?.atUs ?? this.endUs]) {
      const last = runs.at(-1);
      if (last && us - last.toUs < silenceUs) last.toUs = us;
      else runs.push({ fromUs: us, toUs: us });
    }
    return runs;
  }

  /**
   * Microseconds from a thaw until the first process beats again, and until the last one does. Only processes that beat again
   * count: after the last thaw comes the end.
   */
  firstBeatsAfter({ toUs }: Freeze): { first: number | undefined; last: number | undefined } {
    const delays = [...this.beats.values()]
      .flatMap((times) => times.find((time) => time >= toUs) ?? [])
      .map((time) => time - toUs)
      .sort((a, b) => a - b);
    return { first: delays[0], last: delays.at(-1) };
  }

  /** How many lines the emulator's own log got while processes were being stopped, in all freezes together. */
  get linesWhileStopping(): number {
    const isWithin = (atUs: number) =>
      this.freezes.some(({ freeze }) => atUs > freeze.atUs && atUs < freeze.atUs + freeze.stoppedUs);
    return this.log.filter(({ atUs }) => isWithin(atUs)).length;
  }

  /** Where the heartbeats contradict the log; empty if they agree. */
  contradictions(): string[] {
    return this.freezes.flatMap(({ freeze, fromUs, toUs }) =>
      [...this.beats].flatMap(([name, times]) => {
        const inside = times.filter((time) => time > fromUs && time < toUs).length;
        return inside === 0 ? [] : [`${name} beat ${inside} times while it was frozen at epoch ${freeze.epoch}`];
      }),
    );
  }
}
