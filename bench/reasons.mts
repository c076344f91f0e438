// Why goals are missed: docs/performance.md shows the reasons for those that the run has missed. Each rests on what the code does;
// the figures in it are those of the run.
import { type FoundTable, type Goal, isMet } from './findings.mjs';
import { figureIn, spentIn, tableOf } from './lookups.mjs';
import { counted, listed } from './prose.mjs';
import type { Trials } from './trials.mjs';

interface Reason {
  /** Which goals it is about. What its group captures, if it has one, is the case. */
  readonly goals: RegExp;
  /** The subject of a line, of the cases that were missed. */
  readonly what: string | ((cases: readonly string[]) => string);
  why(found: Trials, cases: readonly string[]): string;
}

const microseconds = (value: number): string => `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} µs`;
const median = (table: FoundTable, name: string, figure?: string): number => figureIn(table, name, figure).median;
const times = (table: FoundTable, name: string, figure?: string): string =>
  figureIn(table, name, figure).ratio.toFixed(2);

const timesOf = (table: FoundTable, name: string, to: string): string =>
  (median(table, name) / median(table, to)).toFixed(2);

const group = (found: Trials): FoundTable => tableOf(found, 'modes', 'A group of');
const wakeUps = (found: Trials): FoundTable =>
  tableOf(found, 'wake', 'From the change to the waiter in another thread, once');
const confirmed = (mode: string): string => `${mode}, confirmFreezeAtEpoch`;
const quoted = (names: readonly string[]): string => listed(names.map((name) => `\`${name}\``));
const modes = (names: readonly string[]): string => `mode${names.length > 1 ? 's' : ''} ${quoted(names)}`;

const kinds: Readonly<Record<string, string>> = {
  signals: 'signals',
  states: 'reads of states',
  search: 'the search for processes',
  cgroup: 'files of control groups',
  waiting: 'waiting',
  'other calls': 'other system calls',
  'outside of calls': 'what is no system call',
};

/** `of 346 µs 24 for signals, 310 for reads of states and 12 for what is no system call`: kinds of two percent and more. */
function account(found: Trials, trial: string, title: string, name: string): string {
  const spent = spentIn(found, trial, title, name);
  const all = spent['all'] as number;
  const parts = Object.entries(kinds)
    .map(([kind, what]) => [spent[kind] ?? 0, what] as const)
    .filter(([microseconds]) => microseconds >= all / 50)
    .map(([microseconds, what]) => `${microseconds.toFixed(0)} for ${what}`);
  return `of ${all.toFixed(0)} µs ${listed(parts)}`;
}

const nodes = 'Three Node runtimes';
const shell = 'A shell with 99';
const loop = 'kill in C, then each thread seen in /proc';
const write = 'a write to cgroup.freeze, then cgroup.events read';

const reasons: readonly Reason[] = [
  {
    goals: /^A stale freezeAtEpoch/,
    what: 'The stale freeze',
    why: () => 'The facade checks the receiver, the argument, and whether anybody listens to the diagnostics channels.',
  },
  {
    goals: /^A thaw that comes at 90 % of it/,
    what: 'The thaw that comes at 90 % of a freeze',
    why: () => 'Late in a freeze nearly all members have been stopped, and the thaw has to continue them.',
  },
  {
    goals: /^A confirmation of (16|64), against kill and waitid/,
    what: (counts) => `Confirmations of ${listed(counts)} children`,
    why: (found, counts) => {
      const of = (name: string): string => account(found, 'confirm', String(counts[0]), name);
      return (
        'They turn the event loop between their steps of some 40 µs, while the loop in C blocks; and they read the state of ' +
        'each process in /proc, until it has stopped, where the loop asks `waitid`. That is not used, since it counts a process ' +
        'as stopped that a tracer has let run on (ptrace(2)). With ' +
        `${counts[0]} the loop spends ${of('kill and waitid in C')}; the confirmation ${of('confirm, process')}.`
      );
    },
  },
  {
    goals: /^A (?:freeze|thaw) in mode (process-group|cgroup), against the loop in C/,
    what: (missed) => `M${modes(missed).slice(1)} against the loop in C, for processes that are not children of Node`,
    why: (found, missed) => {
      const bare: Record<string, readonly [what: string, row: string]> = {
        'process-group': ['`kill(-pgid)`', 'kill(-pgid) in C, from Node'],
        cgroup: ['write to `cgroup.freeze`', 'writeSync to cgroup.freeze'],
      };
      const of = (name: string): string =>
        `${times(group(found), name, 'freeze')} times as long for a freeze and ${times(group(found), name, 'thaw')} times for a thaw`;
      const each = missed.map((mode) => {
        const [what, row] = bare[mode] as [string, string];
        return `the bare ${what} takes ${of(row)}`;
      });
      return `The time is the kernel's. In terms of the loop in C, ${each.join(', and ')}.`;
    },
  },
  {
    goals: /^Registering 16 at once/,
    what: 'Registering 16 at once',
    why: (found) =>
      'It looks for the descendants of each of them, and whether they may be moved. The bare writes, which do neither, take ' +
      `${times(tableOf(found, 'register'), '16 bare writes')} times as long as registering one. They spend ` +
      `${account(found, 'register', 'registerPids', '16 bare writes')}; registering 16 spends ` +
      `${account(found, 'register', 'registerPids', '16 at once')}.`,
  },
  {
    goals: /process-tree, freezeAtEpoch, the first,/,
    what: 'The first freeze of a tree',
    why: (found) =>
      'It opens the files of each thread in `/proc`, its state and its children, and keeps them open. The loop in C opens one ' +
      `file of each thread and is told the pids. With three Node runtimes the loop spends ${account(found, 'runtimes', nodes, loop)}; ` +
      `the freeze ${account(found, 'runtimes', nodes, 'the same, the first of its state')}.`,
  },
  {
    goals: /process-tree, freezeAtEpoch, the second and later,/,
    what: 'The later freezes of a tree',
    why: (found) =>
      'They read the state of each thread from files that are still open, which saves what the loop in C spends on open and ' +
      'close. But before they signal a descendant they read whose child it is, and once all have stopped they ask each thread ' +
      'for its children, to prove that none is missing. The fewer threads a process has, the less the open files save. With a ' +
      `shell and 99 sleepers the loop spends ${account(found, 'runtimes', shell, loop)}; the freeze ` +
      `${account(found, 'runtimes', shell, 'process-tree, freezeAtEpoch')}.`,
  },
  {
    goals: /^A Python and a shell runtime .*: a confirmation in mode (process|process-tree), against the loop in C/,
    what: (missed) => `Confirmations in ${modes(missed)} of a Python and a shell runtime`,
    why: (found) => {
      const table = tableOf(found, 'runtimes', 'A Python and a shell runtime');
      return (
        'A confirmation returns to the event loop after each step of 20 to 40 µs, and makes a promise and a report. The loop ' +
        `in C has stopped this small sandbox after ${microseconds(median(table, table.baseline))}, so that is a larger part ` +
        'of the whole.'
      );
    },
  },
  {
    goals: /a confirmation in mode process-group, against/,
    what: 'Confirmations in mode `process-group`',
    why: (found) =>
      'They walk through all processes of the machine, since nothing else lists the processes of a group. With three Node ' +
      `runtimes a confirmation spends ${account(found, 'runtimes', nodes, confirmed('process-group'))}.`,
  },
  {
    goals: /a confirmation in mode cgroup, against/,
    what: 'Confirmations in mode `cgroup`',
    why: (found) => {
      const tables = found.trials.find(({ name }) => name === 'runtimes')?.tables ?? [];
      const ours = confirmed('cgroup');
      const more = tables.map((table) => median(table, ours) - median(table, write));
      const quicker = tables.filter((table) =>
        ['process', 'process-tree', 'process-group'].every(
          (mode) => median(table, ours) < median(table, confirmed(mode)),
        ),
      );
      return (
        'They make the checks that are listed above; the bare write makes none. They take ' +
        `${microseconds(Math.min(...more))} to ${microseconds(Math.max(...more))} more. In ${quicker.length} of the ` +
        `${tables.length} sandboxes no other mode confirms as quickly. With three Node runtimes the bare write and the reads ` +
        `spend ${account(found, 'runtimes', nodes, write)}; the confirmation ` +
        `${account(found, 'runtimes', nodes, ours)}.`
      );
    },
  },
  {
    goals: /^A (?:freeze|thaw) in mode (cgroup) with the guardian/,
    what: 'The guardian in mode `cgroup`',
    why: () =>
      'A freeze and a thaw make the same system calls with it and without; it adds two writes to memory. But a process is in one ' +
      'group only. So each of the two states that are compared has members of its own, and the kernel takes a different time for ' +
      'each group. They swap their members, which makes up for a part of that.',
  },
  {
    goals: /^sandbox\.spawn in mode cgroup/,
    what: '`spawn` in mode `cgroup`',
    why: (found) => {
      const table = tableOf(found, 'spawn');
      const of = (name: string): number =>
        median(table, name, 'one child') - median(table, table.baseline, 'one child');
      const [ours, unmoved] = [of('sandbox.spawn, mode cgroup'), of('sandbox.spawn, mode none')];
      return (
        'It looks the program up, starts the joiner in its place, tells that what to execute, and registers the child, which ' +
        `takes some reads of the group. It adds ${microseconds(ours)}. A sandbox in mode \`none\`, which only marks the ` +
        `environment of the child and keeps account of it, adds ${microseconds(Math.max(unmoved, 0))}.`
      );
    },
  },
  {
    goals: /^Gaps over 100 µs, 4 asleep, process,/,
    what: 'The turns of the event loop with 4 members in mode `process`',
    why: (found) => {
      const table = tableOf(found, 'turns');
      const { samples } = figureIn(table, '4 asleep, process');
      const most = Math.floor(samples / 100) + 1;
      return (
        'The cause is not known. A confirmation of 4 has few gaps. This run has ' +
        `${samples}, so ${counted(most)} late one${most > 1 ? 's' : ''} beyond the share of the plain work miss${most > 1 ? '' : 'es'} ` +
        'the goal. The plain work has late gaps as well, where something else takes the processor.'
      );
    },
  },
  {
    goals: /^Gaps over 100 µs, .+, cgroup,/,
    what: 'The turns of the event loop in mode `cgroup`',
    why: (found) =>
      'The checks and the write are one step: between two steps, another state could freeze the group. The write itself takes ' +
      `${microseconds(median(group(found), 'writeSync to cgroup.freeze', 'freeze'))} for 128 processes.`,
  },
  {
    goals: /^The blocking wait, against the bare/,
    what: 'The blocking wait',
    why: (found) => {
      const table = wakeUps(found);
      const more = median(table, 'waitForStateChangeSync') - median(table, 'bare condition variable');
      return (
        `It takes ${microseconds(more)} more. \`unfreeze\` is a call through the facade and the addon, which moves the epoch, ` +
        'takes the lock and looks for stopped members before it wakes the waiters. The waiter then takes the lock, compares the ' +
        'epoch, and makes an object of it in JavaScript.'
      );
    },
  },
  {
    goals: /^The blocking wait with spin/,
    what: 'The wait with `spin`',
    why: (found) => {
      const table = wakeUps(found);
      return (
        'No thread has to be woken, but the way through both calls remains: `unfreeze` through the facade and the addon until ' +
        'the epoch moves, and the return of the wait into JavaScript, with an object for the new state. Together they take ' +
        `${microseconds(median(table, 'waitForStateChangeSync, spin'))}, and the goal leaves ` +
        `${microseconds(0.2 * median(table, 'bare condition variable'))} for them. A bare poll in C++, which does no more than to ` +
        `compare a number, takes ${microseconds(median(table, 'bare poll'))}: two calls from JavaScript into native code, the ` +
        'way of the number from one processor to the other, and the two looks at the clock.'
      );
    },
  },
  {
    goals: /^The asynchronous wait, against the bare/,
    what: 'The asynchronous wait',
    why: (found) => {
      const table = wakeUps(found);
      const more = median(table, 'waitForStateChange') - median(table, 'bare thread-safe function');
      return (
        `It takes ${microseconds(more)} more. The callback of the thread-safe function reads the state, goes through the pending ` +
        'waits and resolves their promises, and the waiter runs in a microtask after that. A bare thread-safe function whose ' +
        'callback resolves a promise takes ' +
        `${timesOf(table, 'bare thread-safe function and a promise', 'bare thread-safe function')} times as long as one without.`
      );
    },
  },
  {
    goals: /^The asynchronous wait, against (postMessage|Atomics\.waitAsync)/,
    what: (missed) => `The asynchronous wait against ${quoted(missed)}`,
    why: (found, missed) => {
      const table = wakeUps(found);
      const of = (name: string): string =>
        (median(table, name) / median(table, 'bare thread-safe function')).toFixed(2);
      return (
        `${quoted(missed)} take${missed.length > 1 ? '' : 's'} ${listed(missed.map(of))} times as long as the bare thread-safe ` +
        'function, on which the wait rests. So a wait by way of one cannot take a third as long.'
      );
    },
  },
];

/** A line for each reason of a goal that was missed; and for each missed goal for which there is none. */
export function missedGoals(found: Trials): string {
  const missed = found.trials.flatMap(({ goals }) => goals).filter((goal) => !isMet(goal));
  const because = (goal: Goal): Reason | undefined => reasons.find(({ goals }) => goals.test(goal.what));
  const known = reasons.flatMap((reason) => {
    const whats = missed.filter((goal) => because(goal) === reason).map(({ what }) => what);
    if (whats.length === 0) return [];
    const cases = [...new Set(whats.flatMap((what) => reason.goals.exec(what)?.[1] ?? []))];
    const title = typeof reason.what === 'string' ? reason.what : reason.what(cases);
    return [`- **${title}** (${whats.length} ${whats.length === 1 ? 'goal' : 'goals'}). ${reason.why(found, cases)}`];
  });
  const unknown = missed.filter((goal) => because(goal) === undefined);
  return [...known, ...unknown.map(({ what }) => `- **${what}.** The cause is not known.`)].join('\n');
}
