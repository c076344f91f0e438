// Where the time of a measurement goes: to which system calls, and how much is left outside of them. bench/native/calls.cpp,
// which main.mts preloads into each trial that uses this, takes the time of the calls.
import { createRequire } from 'node:module';
import { mean } from 'simple-statistics';
import { type FoundProfile, note, printProfile } from './findings.mjs';
import { type Contestant, interleave, microsecondsSince } from './measure.mjs';

interface Calls {
  /** From here on the system calls of this thread count. */
  begin(): void;
  /** Of each kind, how many there were and what they took together, in nanoseconds. */
  end(): number[];
  /** The nanoseconds that it takes to take the time of one call, and how many of them count as the call's. */
  cost(): [all: number, within: number];
}

const isPreloaded = process.env['LD_PRELOAD'] !== undefined;
// Not for the processes that the trial starts: these would take longer to begin.
delete process.env['LD_PRELOAD'];

const calls = createRequire(import.meta.url)('./native/build/Release/calls.node') as Calls;

/** `Kind` in calls.cpp has the same order. */
const kinds = ['other calls', 'signals', 'states', 'search', 'cgroup', 'waiting'] as const;
/** The code of this package, libc, V8 and Node, page faults, and whatever interrupts the thread. */
const rest = 'outside of calls';
const count = 'number of calls';

type Spent = Readonly<Record<string, number>>;

/** Of one contestant by the figure, in the order of its samples. */
type Taken = Map<string, Spent[]>;

/** Of the contestant whose sample is taken now, in a profile. */
let taken: Taken | undefined;
/** What {@link Calls.cost} gives, once there is a profile. */
let cost: readonly [all: number, within: number] | undefined;

/** Times the body; a promise is awaited. In a profile it takes what each kind of system call took as well. */
export async function timed(figure: string, body: () => unknown): Promise<Record<string, number>> {
  if (taken !== undefined) calls.begin();
  const start = process.hrtime.bigint();
  const result = body();
  if (result instanceof Promise) await result;
  const all = microsecondsSince(start);
  if (taken !== undefined) add(taken, figure, spentOn(calls.end(), all));
  return { [figure]: all };
}

/** Parts of a sample that follow each other. */
export interface Laps {
  /** Ends one part and begins the next. Gives the microseconds of the one that has ended. */
  next(): number;
  /** What each kind of system call took in the longest part is the figure of the sample; in a profile. */
  end(): void;
}

/** Begins the first part of a sample of which the longest counts. */
export function laps(figure: string): Laps {
  const into = taken;
  let longest: Spent | undefined;
  let start = 0n;
  const begin = (): void => {
    if (into !== undefined) calls.begin();
    start = process.hrtime.bigint();
  };
  begin();
  return {
    next: () => {
      const took = microsecondsSince(start);
      if (into !== undefined) {
        const spent = spentOn(calls.end(), took);
        if (took > (longest?.['all'] ?? 0)) longest = spent;
      }
      begin();
      return took;
    },
    end: () => {
      if (into !== undefined) calls.end();
      if (longest !== undefined) add(into, figure, longest);
    },
  };
}

function add(to: Taken | undefined, figure: string, spent: Spent): void {
  to?.set(figure, [...(to.get(figure) ?? []), spent]);
}

function spentOn(counted: readonly number[], measured: number): Spent {
  const [each, within] = cost ?? [0, 0];
  const spent: Record<string, number> = {};
  let [inCalls, made] = [0, 0];
  for (const [index, kind] of kinds.entries()) {
    const [number = 0, nanoseconds = 0] = counted.slice(2 * index);
    const microseconds = (nanoseconds - number * within) / 1000;
    spent[kind] = microseconds;
    inCalls += microseconds;
    made += number;
  }
  const all = measured - (made * each) / 1000;
  return { all, ...spent, [rest]: all - inCalls, [count]: made };
}

/** Prints where the time of each contestant goes: {@link spentBy}, in a table for each figure. */
export async function profile(title: string, contestants: readonly Contestant[], rounds?: number): Promise<void> {
  const figures = await spentBy(contestants, rounds);
  for (const [figure, rows] of figures) printProfile({ title: figures.size > 1 ? `${title}: ${figure}` : title, rows });
}

/**
 * Takes turns again, and finds where the time of each contestant goes, in the mean of the middle half of its rounds: by the
 * figures that are {@link timed} in the samples.
 */
export async function spentBy(
  contestants: readonly Contestant[],
  rounds = 60,
): Promise<Map<string, FoundProfile['rows']>> {
  if (!isPreloaded) throw new Error('Run the trials by npm run bench: it preloads calls.node.');
  if (cost === undefined) {
    cost = calls.cost();
    note(`To take the time of a system call takes ${cost[0].toFixed(0)} ns, which is subtracted in the profiles.`);
  }
  const all = contestants.map((contestant) => ({ contestant, own: new Map() as Taken }));
  const profiled = all.map(({ contestant, own }) => ({
    name: contestant.name,
    sample: async () => {
      taken = own;
      try {
        return await contestant.sample();
      } finally {
        taken = undefined;
      }
    },
  }));
  const results = await interleave(profiled, rounds);
  const figures = new Map<string, FoundProfile['rows']>();
  for (const { contestant, own } of all) {
    // Without those of the warm-up.
    const [{ length } = []] = results.get(contestant.name)?.values() ?? [];
    for (const [figure, spent] of own) {
      const row = { name: contestant.name, spent: ofMiddleHalf(spent.slice(-length)) };
      figures.set(figure, [...(figures.get(figure) ?? []), row]);
    }
  }
  return figures;
}

function ofMiddleHalf(rounds: readonly Spent[]): Spent {
  const inOrder = rounds.toSorted((a, b) => (a['all'] as number) - (b['all'] as number));
  const middle = inOrder.slice(Math.floor(rounds.length / 4), Math.ceil((rounds.length * 3) / 4));
  const columns = Object.keys(middle[0] ?? {});
  return Object.fromEntries(columns.map((column) => [column, mean(middle.map((spent) => spent[column] as number))]));
}
