import type { LogEntry } from '../lambda-emulator/log';

type Entry<What extends LogEntry['what']> = Extract<LogEntry, { what: What }>;

/** One freeze and the thaw that ended it. */
export interface Freeze {
  readonly freeze: Entry<'freeze'>;
  readonly thaw: Entry<'thaw'>;
  /** By the log, no process ran between these two. Microseconds of the monotonic clock. */
  readonly fromUs: number;
  readonly toUs: number;
}

/** The log and the heartbeats of a run, in a form to draw and to check. */
export class Story {
  readonly startUs: number;
  readonly endUs: number;
  readonly freezes: readonly Freeze[];

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

  entries<What extends LogEntry['what']>(what: What): Entry<What>[] {
    return this.log.filter((entry): entry is Entry<What> => entry.what === what);
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
