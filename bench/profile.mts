// Where the time of a measurement goes: to which system calls, and how much is left for the code of this package, V8 and Node.
// bench/native/calls.cpp, which main.mts preloads into each trial, takes the time of the calls.
import { createRequire } from 'node:module';
import { mean } from 'simple-statistics';
import { printProfile } from './findings.mjs';
import { type Contestant, interleave, microsecondsSince } from './measure.mjs';

interface Calls {
  /** From here on the system calls of this thread count. */
  begin(): void;
  /** Of each kind, how many there were and what they took together, in nanoseconds. */
  end(): number[];
}

const isPreloaded = process.env['LD_PRELOAD'] !== undefined;
// Not for the processes that the trial starts: these would take longer to begin.
delete process.env['LD_PRELOAD'];

const calls = createRequire(import.meta.url)('./native/build/Release/calls.node') as Calls;

/** `Kind` in calls.cpp has the same order. */
const kinds = ['other calls', 'signals', 'states', 'search', 'cgroup', 'event loop'] as const;
/** What is not a system call. */
const rest = 'own code';
const count = 'number of calls';

let isProfiling = false;

/** Times the body; a promise is awaited. In a profile it gives what each kind of system call took instead. */
export async function timed(figure: string, body: () => unknown): Promise<Record<string, number>> {
  if (isProfiling) calls.begin();
  const start = process.hrtime.bigint();
  const result = body();
  if (result instanceof Promise) await result;
  const all = microsecondsSince(start);
  return isProfiling ? { all, ...spentOn(calls.end(), all) } : { [figure]: all };
}

function spentOn(counted: readonly number[], all: number): Record<string, number> {
  const spent: Record<string, number> = {};
  let [inCalls, made] = [0, 0];
  for (const [index, kind] of kinds.entries()) {
    const microseconds = (counted[2 * index + 1] ?? 0) / 1000;
    spent[kind] = microseconds;
    inCalls += microseconds;
    made += counted[2 * index] ?? 0;
  }
  return { ...spent, [rest]: all - inCalls, [count]: made };
}

/**
 * Takes turns again, and prints where the time of each contestant goes, in the mean of the middle half of its rounds. Their
 * samples have to use {@link timed}.
 */
export async function profile(title: string, contestants: readonly Contestant[], rounds = 60): Promise<void> {
  if (!isPreloaded) throw new Error('Run the trials by npm run bench: it preloads calls.node.');
  isProfiling = true;
  try {
    const results = await interleave(contestants, rounds);
    const rows = [...results].map(([name, samples]) => {
      const all = samples.get('all') as number[];
      const inOrder = all.map((_, index) => index).sort((a, b) => (all[a] as number) - (all[b] as number));
      const middle = inOrder.slice(Math.floor(all.length / 4), Math.ceil((all.length * 3) / 4));
      const spent = [...samples].map(([kind, values]) => [kind, mean(middle.map((index) => values[index] as number))]);
      return { name, spent: Object.fromEntries(spent) };
    });
    printProfile({ title, rows });
  } finally {
    isProfiling = false;
  }
}
