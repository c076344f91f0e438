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

let isProfiling = false;
/** What {@link Calls.cost} gives, once there is a profile. */
let cost: readonly [all: number, within: number] | undefined;

/** Times the body; a promise is awaited. In a profile it gives what each kind of system call took instead. */
export async function timed(figure: string, body: () => unknown): Promise<Record<string, number>> {
  if (isProfiling) calls.begin();
  const start = process.hrtime.bigint();
  const result = body();
  if (result instanceof Promise) await result;
  const all = microsecondsSince(start);
  return isProfiling ? spentOn(calls.end(), all) : { [figure]: all };
}

function spentOn(counted: readonly number[], measured: number): Record<string, number> {
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

/**
 * Takes turns again, and prints where the time of each contestant goes. Their samples have to use {@link timed}.
 */
export async function profile(title: string, contestants: readonly Contestant[], rounds?: number): Promise<void> {
  printProfile({ title, rows: await spentBy(contestants, rounds) });
}

/** Where the time of each contestant goes, in the mean of the middle half of its rounds. */
export async function spentBy(contestants: readonly Contestant[], rounds = 60): Promise<FoundProfile['rows']> {
  if (!isPreloaded) throw new Error('Run the trials by npm run bench: it preloads calls.node.');
  if (cost === undefined) {
    cost = calls.cost();
    note(`To take the time of a system call takes ${cost[0].toFixed(0)} ns, which is not in the profile below.`);
  }
  isProfiling = true;
  try {
    return [...(await interleave(contestants, rounds))].map(([name, samples]) => {
      const all = samples.get('all') as number[];
      const inOrder = all.map((_, index) => index).sort((a, b) => (all[a] as number) - (all[b] as number));
      const middle = inOrder.slice(Math.floor(all.length / 4), Math.ceil((all.length * 3) / 4));
      const spent = [...samples].map(([kind, values]) => [kind, mean(middle.map((index) => values[index] as number))]);
      return { name, spent: Object.fromEntries(spent) };
    });
  } finally {
    isProfiling = false;
  }
}
