// What pages quote from the run in sentences and small tables, by the names of their marks: `<!-- measured: NAME -->`.
import { markdownTable } from 'markdown-table';
import { digits, type Figure, type FoundTable, type Goal } from './findings.mjs';
import { figureIn, goalValue, tableOf, trialOf } from './lookups.mjs';
import { listed } from './prose.mjs';
import type { Trials } from './trials.mjs';

const two = (value: number): string => value.toFixed(2);
const range = (values: readonly number[]): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(two) as [string, string];
  return least === most ? least : `${least} to ${most}`;
};
/** By how many times the first takes longer than the second. */
const over = (slow: Figure, quick: Figure): number => slow.median / quick.median;
/** Ratios in words, each by how many times the other way takes as long: `1.10 to 1.20 times faster`. */
export function speed(ratios: readonly number[]): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  if (least >= 1) return `${range(ratios)} times faster`;
  if (most < 1) return `${range(ratios.map((ratio) => 1 / ratio))} times slower`;
  return `between ${two(1 / least)} times slower and ${two(most)} times faster`;
}

/** Whole invocations, in terms of those without a freeze. */
interface Events {
  readonly emulator: string;
  readonly table: FoundTable;
  readonly names: Readonly<Record<string, string>>;
}

const [noFreeze, itsOwn] = ['no freeze', 'its own SIGSTOP to one pid'];

const events = (found: Trials): readonly Events[] => [
  { emulator: 'of the examples', table: tableOf(found, 'invocation'), names: {} },
  { emulator: '@vercel/fun', table: tableOf(found, 'fun'), names: { [itsOwn]: 'its own SIGSTOP to one process' } },
];

function invocations(found: Trials): string {
  const rows = events(found).flatMap(({ emulator, table, names }) => {
    const base = figureIn(table, noFreeze);
    return table.rows.map(({ name }) => {
      const { median, lower, upper } = figureIn(table, name);
      const [middle, least, most] = [median, lower, upper].map((value) => two(value / base.median)) as [
        string,
        string,
        string,
      ];
      const way = name === noFreeze ? 'no freeze' : (names[name] ?? `\`${name}\``);
      return [emulator, way, middle, `${least} to ${most}`];
    });
  });
  const head = ['emulator', 'freeze', 'median', 'middle half of the events'];
  return `${markdownTable([head, ...rows], { align: ['l', 'l', 'r', 'r'] })}\n\n${events(found).map(told).join(' ')}`;
}

/** Which of the ways have a median that lies in the middle half of the events without a freeze. */
function told({ emulator, table }: Events): string {
  const base = figureIn(table, noFreeze);
  const isWithin = (name: string): boolean => {
    const { median } = figureIn(table, name);
    return base.lower <= median && median <= base.upper;
  };
  const ways = table.rows.map(({ name }) => name).filter((name) => name !== noFreeze);
  const where = emulator.startsWith('@') ? emulator : `the emulator ${emulator}`;
  const named = (names: readonly string[]): string[] =>
    names.map((name) => (name === itsOwn ? 'its own SIGSTOP' : `\`${name}\``));
  return `In ${where} ${placesOf(named(ways.filter(isWithin)), named(ways.filter((name) => !isWithin(name))))}`;
}

/** Says whose medians lie within the middle half of the events without a freeze, and whose do not. */
export function placesOf(within: readonly string[], beyond: readonly string[]): string {
  const medians = (names: readonly string[]): string => `the median${names.length > 1 ? 's' : ''} of ${listed(names)}`;
  const middle = 'within the middle half of the events without a freeze';
  const verb = (names: readonly string[], one: string, many: string): string => (names.length > 1 ? many : one);
  const [lies, does] = [verb(within, 'lies', 'lie'), verb(beyond, 'does', 'do')];
  if (beyond.length === 0) return `${medians(within)} ${lies} ${middle}.`;
  if (within.length === 0) return `${medians(beyond)} ${does} not lie ${middle}.`;
  const others = `${beyond.length > 1 ? 'those' : 'that'} of ${listed(beyond)}`;
  return `${medians(within)} ${lies} ${middle}; ${others} ${does} not.`;
}

function loops(found: Trials): string {
  const counts = [1, 4, 16, 128];
  const of = (count: number, figure: string): readonly [Figure, Figure] => {
    const table = tableOf(found, 'freeze', `${count} sleeping`);
    return [figureIn(table, 'process.kill loop', figure), figureIn(table, 'FreezeState', figure)];
  };
  const rows = counts.map((count) => [
    String(count),
    ...['freeze', 'stopped', 'next turn', 'thaw'].map((figure) => {
      const ratio = over(...of(count, figure));
      return ratio < 10 ? ratio.toFixed(1) : String(Number(ratio.toPrecision(2)));
    }),
  ]);
  const head = [
    'children',
    'the freezing call',
    'until all have stopped',
    'the next turn of the event loop',
    'the thawing call',
  ];
  const [freeze, thaw, [loop, ours]] = [of(1, 'freeze')[1], of(1, 'thaw')[1], of(16, 'freeze')];
  return (
    `${markdownTable([head, ...rows], { align: Array(head.length).fill('r') })}\n\n` +
    `The calls for one child take ${digits(freeze.median)} and ${digits(thaw.median)} µs. For 16 children the loop freezes in ` +
    `${digits(loop.median)} µs, \`freeze-state\` in ${digits(ours.median)}.`
  );
}

const wakeUps = (found: Trials, when: string): FoundTable =>
  tableOf(found, 'wake', `From the change to the waiter in another thread, ${when}`);
const [condition, threadSafe] = ['bare condition variable', 'bare thread-safe function'];
const [blocking, polling, awaited] = ['waitForStateChangeSync', 'waitForStateChangeSync, spin', 'waitForStateChange'];

function waits(found: Trials): string {
  const table = wakeUps(found, 'once');
  const of = (name: string, base: string): string => two(over(figureIn(table, name), figureIn(table, base)));
  const taking = (name: string): string => `which takes ${digits(figureIn(table, name).median)} µs`;
  return markdownTable([
    ['', 'takes'],
    ['the blocking wait', `${of(blocking, condition)} times the bare condition variable, ${taking(condition)}`],
    [
      'the blocking wait with `spin`, for a change that comes while it polls',
      `${of(polling, condition)} times the bare condition variable`,
    ],
    ['the asynchronous wait', `${of(awaited, threadSafe)} times the bare thread-safe function, ${taking(threadSafe)}`],
    ['`postMessage`', `${of('postMessage', awaited)} times the asynchronous wait`],
    ['`Atomics.waitAsync`', `${of('Atomics.waitAsync', awaited)} times the asynchronous wait`],
  ]);
}

function waitsAtFirst(found: Trials): string {
  const table = wakeUps(found, 'in a program');
  const of = (name: string, base: string): string => two(over(figureIn(table, name), figureIn(table, base)));
  return (
    `In these the blocking wait takes ${of(blocking, condition)} times as long as the bare condition variable, and ` +
    `${of(polling, condition)} times with \`spin\`. The asynchronous one takes ${of(awaited, threadSafe)} times as long as the ` +
    `bare thread-safe function; \`postMessage\` takes ${of('postMessage', awaited)} and \`Atomics.waitAsync\` ` +
    `${of('Atomics.waitAsync', awaited)} times as long as that wait.`
  );
}

function waitsGoal(found: Trials): string {
  const table = wakeUps(found, 'once');
  const of = (name: string, base: string): number => over(figureIn(table, name), figureIn(table, base));
  return (
    `The wait is ${speed(['postMessage', 'Atomics.waitAsync'].map((other) => of(other, awaited)))}. The bare ` +
    `thread-safe function itself is ${speed([of('postMessage', threadSafe)])} than \`postMessage\`, and a wait cannot ` +
    'be faster than that.'
  );
}

/** The freeze of so many in one mode, in terms of the loop in C. */
const inMode = (title: string, mode: string, figure: string) => (found: Trials) =>
  two(figureIn(tableOf(found, 'modes', title), mode, figure).ratio);
const [group, tree] = ['A group of', 'A tree of 100 sleepers, all'];
const ofChildren = (mode: string, figure: string) => (found: Trials) => {
  const table = tableOf(found, 'modes', group);
  return two(over(figureIn(table, mode, figure), figureIn(table, "the same over as many children of Node's", figure)));
};
/** Microseconds for each process of a tree. */
const each = (title: string, count: number) => (found: Trials) =>
  `${(figureIn(tableOf(found, 'modes', title), 'process-tree', 'freeze').median / count).toFixed(0)} µs`;

function confirmations(found: Trials): string {
  const times = [1, 4, 16, 64].map((count) => goalValue(found, 'confirm', `A confirmation of ${count},`).toFixed(1));
  return `A confirmation of 1, 4, 16 and 64 sleeping children took ${listed(times)} times as long as a C loop of \`kill\` and \`waitid\``;
}

const calls = (found: Trials): string =>
  range(
    ['freezeAtEpoch, stale epoch', 'currentEpoch', 'isFrozen'].map(
      (name) => figureIn(tableOf(found, 'calls'), name).ratio,
    ),
  );

const added = (what: string) => (found: Trials) => `${goalValue(found, 'guardian', what).toFixed(1)} ms`;

/** Of each mode, by how many per cent freezes and thaws with and without the guardian differ. */
function guarded(found: Trials): string {
  const costs = trialOf(found, 'guardian').goals.filter(({ what }) => what.includes('with the guardian, against'));
  const most = (chosen: readonly Goal[]): string =>
    `${Math.max(...chosen.map(({ value }) => Math.abs(100 * (value - 1)))).toFixed(1)} %`;
  const cgroup = costs.filter(({ what }) => what.includes(' mode cgroup '));
  const first = `the medians differ by ${most(costs.filter((goal) => !cgroup.includes(goal)))} at most.`;
  if (cgroup.length === 0) return first;
  return (
    `${first} In mode \`cgroup\` each of the two states needs members of its own, and they swap them; there they differ by ` +
    `${most(cgroup)} at most.`
  );
}

const ended = (found: Trials): string => {
  const at = (what: string): string => goalValue(found, 'guardian', what).toFixed(0);
  return (
    `four members ran again ${at('Until 4 members run')} ms after SIGKILL of the emulator at worst, 128 members ` +
    `${at('Until 128 members')} ms after it, and four of an emulator with a gigabyte of memory to free ` +
    `${at('Until 4 members of')} ms after it.`
  );
};

function spawns(found: Trials): string {
  const table = tableOf(found, 'spawn');
  const of = (name: string): number => figureIn(table, name, 'one child').median / 1000;
  const plain = of('child_process.spawn');
  return (
    `a spawn in mode \`cgroup\` took ${(of('sandbox.spawn, mode cgroup') - plain).toFixed(1)} ms longer than ` +
    `\`child_process.spawn\`, which took ${plain.toFixed(1)} ms there. To move the child from outside took ` +
    `${(of('child_process.spawn and registerPid') - plain).toFixed(0)} ms longer.`
  );
}

export const quotes: Readonly<Record<string, (found: Trials) => string>> = {
  'invocations in short': invocations,
  'loops in short': loops,
  'hot calls': calls,
  'waits in short': waits,
  'waits at first': waitsAtFirst,
  'goal of the waits': waitsGoal,
  'freeze in mode process': inMode(group, 'process', 'freeze'),
  'freeze in mode process-group': inMode(group, 'process-group', 'freeze'),
  'freeze in mode process-tree': inMode(tree, 'process-tree', 'freeze'),
  'freeze in mode cgroup': inMode(group, 'cgroup', 'freeze'),
  'thaw in mode process-group': inMode(group, 'process-group', 'thaw'),
  'thaw in mode cgroup': inMode(group, 'cgroup', 'thaw'),
  'freeze of children, process-group': ofChildren('process-group', 'freeze'),
  'freeze of children, cgroup': ofChildren('cgroup', 'freeze'),
  'thaw of children, process-group': ofChildren('process-group', 'thaw'),
  'thaw of children, cgroup': ofChildren('cgroup', 'thaw'),
  'each sleeper of a tree': each(tree, 100),
  'each Node process of a tree': each('A tree of 4 Node', 4),
  'confirmations in short': confirmations,
  'guardian and first state': added('The first state of a process:'),
  'guardian and first freeze': added('The first state of a process and'),
  'guardian and freezes': guarded,
  'after a SIGKILL': ended,
  'spawns in short': spawns,
};
