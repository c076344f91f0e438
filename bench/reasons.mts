// Why goals are missed: docs/performance.md shows the reasons for those that the run has missed. Each rests on what the code does;
// the figures in it are those of the run.
import { type FoundTable, type Goal, isMet } from './findings.mjs';
import { figureIn, type Spent, spentIn, tableOf } from './lookups.mjs';
import { listed } from './prose.mjs';
import type { Trials } from './trials.mjs';

/** A goal that was missed, and what the group of the pattern has captured: the mode, the sandbox, the number. */
interface Missed {
  readonly goal: Goal;
  readonly which: string;
}

interface Reason {
  /** Which goals it is about. What its group captures, if it has one, tells them apart. */
  readonly goals: RegExp;
  /** The subject of a line, of the goals that were missed. */
  readonly what: string | ((which: readonly string[]) => string);
  /** @param worst the one that is furthest from its goal. */
  why(found: Trials, which: readonly string[], worst: Missed): string;
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

const outside = 'outside of calls';
const kinds: Readonly<Record<string, string>> = {
  signals: 'signals',
  states: 'reads of states',
  search: 'the search for processes',
  cgroup: 'files of control groups',
  waiting: 'waiting',
  'other calls': 'other system calls',
  [outside]: 'what is no system call',
};

/** `of 346 µs 24 for signals, 310 for reads of states and 12 for what is outside of system calls`: two percent and more. */
function account(found: Trials, trial: string, title: string, name: string): string {
  const spent = spentIn(found, trial, title, name);
  const all = spent['all'] as number;
  const parts = Object.entries(kinds)
    .map(([kind, what]) => [spent[kind] ?? 0, what] as const)
    .filter(([microseconds]) => microseconds >= all / 50)
    .map(([microseconds, what]) => `${microseconds.toFixed(0)} for ${what}`);
  return `of ${all.toFixed(0)} µs ${listed(parts)}`;
}

/**
 * What the one takes longer than the other, by kind, the largest first: `505 µs instead of 280: 131 more for reads of states,
 * 72 more for what is outside of system calls and 20 less for signals`. Kinds of a twentieth of the difference and more.
 */
function difference(found: Trials, trial: string, title: string, name: string, floor: string): string {
  const [ours, bare] = [name, floor].map((one) => spentIn(found, trial, title, one)) as [Spent, Spent];
  const all = (ours['all'] ?? 0) - (bare['all'] ?? 0);
  const parts = Object.entries(kinds)
    .map(([kind, what]) => [(ours[kind] ?? 0) - (bare[kind] ?? 0), what] as const)
    .filter(([more]) => Math.abs(more) >= Math.max(Math.abs(all) / 20, 1))
    .sort(([one], [other]) => other - one)
    .map(([more, what]) => `${Math.abs(more).toFixed(0)} ${more > 0 ? 'more' : 'less'} for ${what}`);
  return `${ours['all']?.toFixed(0)} µs instead of ${bare['all']?.toFixed(0)}: ${listed(parts)}`;
}

/** What the system calls of the one take in terms of all that the other takes, and whether that alone misses the goal. */
function callsAlone(found: Trials, trial: string, title: string, name: string, floor: string, goal: Goal): string {
  const [ours, bare] = [name, floor].map((one) => spentIn(found, trial, title, one)) as [Spent, Spent];
  const ratio = ((ours['all'] ?? 0) - (ours[outside] ?? 0)) / (bare['all'] ?? 0);
  const verdict = ratio > goal.atMost ? ', so no code of this package could meet the goal' : '';
  return `The system calls alone take ${ratio.toFixed(2)} times as long as all of what it is compared with${verdict}.`;
}

/** The title of a table as it stands in a sentence. */
const inSentence = (title: string): string => title.charAt(0).toLowerCase() + title.slice(1);

const ours = 'confirm, process';
const waitid = 'kill and waitid in C';
const loop = 'kill in C, then each thread seen in /proc';
const groupsInC = 'kill(-pgid) in C, then all of /proc searched and each thread seen';
const write = 'a write to cgroup.freeze, then cgroup.events read';
const checkedWrite = 'the same and what else a confirmation asks, in C, in the next turn';

/** What a freeze in these modes cannot do without, and its row. */
const bareCalls: Readonly<Record<string, readonly [what: string, row: string]>> = {
  'process-group': ['`kill(-pgid)`', 'kill(-pgid) in C, from Node'],
  cgroup: ['write to `cgroup.freeze`', 'writeSync to cgroup.freeze'],
};

const reasons: readonly Reason[] = [
  {
    goals: /^A stale freezeAtEpoch/,
    what: 'The stale freeze',
    why: () => 'The facade checks the receiver, the argument, and whether anybody listens to the diagnostics channels.',
  },
  {
    goals: /^A freeze of 1 child until it has stopped/,
    what: 'The freeze of 1 child until it has stopped',
    why: (found) => {
      const table = tableOf(found, 'freeze', '1 sleeping');
      const of = (name: string): string => {
        const { lower, upper } = figureIn(table, name, 'stopped');
        return `${microseconds(lower)} to ${microseconds(upper)}`;
      };
      const call = (name: string): string => microseconds(median(table, name, 'freeze'));
      return (
        `The calls take ${call('kill loop in C, from Node')} and ${call('FreezeState')}; the rest is the time that the child ` +
        'takes to wake up and to stop, which depends on the processor that the kernel wakes it on. The middle half of the ' +
        `samples of the loop is ${of('kill loop in C, from Node')}, and of ours ${of('FreezeState')}.`
      );
    },
  },
  {
    goals: /^A thaw that comes at 90 % of it/,
    what: 'The thaw that comes at 90 % of a freeze',
    why: () => 'Late in a freeze nearly all members have been stopped, and the thaw has to continue them.',
  },
  {
    goals: /^A confirmation of (16|64), against kill and waitid/,
    what: (counts) => `Confirmations of ${listed(counts)} children`,
    why: (found, _, { goal, which }) =>
      'The loop in C blocks until all have stopped, and asks `waitid`. A confirmation reads the state of each in /proc, since ' +
      '`waitid` counts a process as stopped that a tracer has let run on (ptrace(2)); it asks of each, before the signal, ' +
      'whether it was stopped already, which the report tells; and it turns the event loop after each step of some 40 µs. In ' +
      `the profile of ${which} it takes ${difference(found, 'confirm', which, ours, waitid)}. ` +
      `${callsAlone(found, 'confirm', which, ours, waitid, goal)} A loop in C that sees each stopped in /proc, by files that it ` +
      `keeps open, takes ${times(tableOf(found, 'confirm', which), 'kill in C, then each seen in /proc')} times as long as the ` +
      'one with `waitid`.',
  },
  {
    goals: /^A (?:freeze|thaw) in mode (process-group|cgroup), against the loop in C/,
    what: (missed) => `M${modes(missed).slice(1)} against the loop in C, for processes that are not children of Node`,
    why: (found, missed) =>
      missed
        .map((mode) => {
          const [what, row] = bareCalls[mode] as [string, string];
          const times = ['freeze', 'thaw'].map((figure) => figureIn(group(found), row, figure).ratio);
          const floor = times.every((time) => time > 0.6)
            ? 'is over the goal itself'
            : 'is not far from the goal itself';
          return (
            `The bare ${what}, which no freeze can do without, ${floor}: it takes ${listed(times.map((time) => time.toFixed(2)))} ` +
            `times as long as the loop for a freeze and a thaw. A freeze in mode \`${mode}\` spends ` +
            `${account(found, 'modes', 'A group of 128 sleepers: freeze', mode)}, and a thaw ` +
            `${account(found, 'modes', 'A group of 128 sleepers: thaw', mode)}.`
          );
        })
        .join(' '),
  },
  {
    goals: /^Registering 16 at once/,
    what: 'Registering 16 at once',
    why: (found, _, { goal }) =>
      'It looks for the descendants of each of them, and whether they may be moved. The bare writes, which do neither, take ' +
      `${times(tableOf(found, 'register'), '16 bare writes')} times as long as registering one. In the profile it takes ` +
      `${difference(found, 'register', 'registerPids', '16 at once', '16 bare writes')}. ` +
      callsAlone(found, 'register', 'registerPids', '16 at once', 'one', goal),
  },
  {
    goals: /^(.+): process-tree, freezeAtEpoch, the first,/,
    what: 'The first freeze of a tree',
    why: (found, _, { goal, which }) =>
      'It opens the files of each thread in `/proc`, its state and its children, and keeps them open. The loop in C opens one ' +
      `file of each thread and is told the pids. With ${inSentence(which)} it takes ` +
      `${difference(found, 'runtimes', which, 'the same, the first of its state', loop)}. ` +
      callsAlone(found, 'runtimes', which, 'the same, the first of its state', loop, goal),
  },
  {
    goals: /^(.+): process-tree, freezeAtEpoch, the second and later,/,
    what: 'The later freezes of a tree',
    why: (found, _, { goal, which }) =>
      'They read the state of each thread from files that are still open, which saves what the loop in C spends on open and ' +
      'close. But before they signal a descendant they read whose child it is, and once all have stopped they ask each thread ' +
      'for its children, to prove that none is missing. The fewer threads a process has, the less the open files save. With ' +
      `${inSentence(which)} they take ${difference(found, 'runtimes', which, 'process-tree, freezeAtEpoch', loop)}. What is no ` +
      'system call has in it the members that run first on the processor on which they were woken, as the calls of the loop in C ' +
      'have. Where the kernel wakes them differs from run to run, and with it the time of both. ' +
      callsAlone(found, 'runtimes', which, 'process-tree, freezeAtEpoch', loop, goal),
  },
  {
    goals: /: a confirmation in mode (process|process-tree), against the loop in C/,
    what: (missed) => `Confirmations in ${modes(missed)}`,
    why: (found, _, { goal, which }) => {
      const title = goal.what.slice(0, goal.what.indexOf(': '));
      return (
        'A confirmation returns to the event loop after each step of some 40 µs, and makes a promise and a report. With ' +
        `${inSentence(title)} it takes ${difference(found, 'runtimes', title, confirmed(which), loop)}. ` +
        callsAlone(found, 'runtimes', title, confirmed(which), loop, goal)
      );
    },
  },
  {
    goals: /^(.+): a confirmation in mode process-group, against/,
    what: 'Confirmations in mode `process-group`',
    why: (found, _, { goal, which }) =>
      'They walk through all processes of the machine, and ask each for its group: nothing else lists the processes of a group. ' +
      'That is the search, and it takes as long for a small group as for a large one. The loop in C is told the pids. One that is ' +
      `told the groups, and has to search for them as well, takes ${times(tableOf(found, 'runtimes', which), groupsInC)} times ` +
      `as long with ${inSentence(which)}, and a confirmation there takes ` +
      `${difference(found, 'runtimes', which, confirmed('process-group'), loop)}. ` +
      callsAlone(found, 'runtimes', which, confirmed('process-group'), loop, goal),
  },
  {
    goals: /^(.+): a confirmation in mode cgroup, against/,
    what: 'Confirmations in mode `cgroup`',
    why: (found, _, { goal, which }) => {
      const tables = found.trials.find(({ name }) => name === 'runtimes')?.tables ?? [];
      const ours = confirmed('cgroup');
      const quicker = tables.filter((table) =>
        ['process', 'process-tree', 'process-group'].every(
          (mode) => median(table, ours) < median(table, confirmed(mode)),
        ),
      );
      return (
        'They make the checks that are listed above, and a promise and a report; the bare write makes none of these. The kernel ' +
        'freezes a small sandbox so quickly that they are a large part of the whole. With ' +
        `${inSentence(which)}, the same system calls, made by C in the turn of the event loop after the call, take ` +
        `${timesOf(tableOf(found, 'runtimes', which), checkedWrite, write)} times as long as the bare write, and a confirmation ` +
        `${difference(found, 'runtimes', which, ours, write)}. ` +
        `${callsAlone(found, 'runtimes', which, ours, write, goal)} What is no system call is mostly misses of the processor's ` +
        'caches, as it seems: each way comes here after a rest and after all the others, and where confirmations follow each ' +
        `other at once, one of a group of 4 takes ${microseconds(median(tableOf(found, 'confirm', '4 '), 'confirm, cgroup'))} in ` +
        `all. In ${quicker.length} of the ${tables.length} sandboxes no other mode confirms as quickly.`
      );
    },
  },
  {
    goals: /^A (?:freeze|thaw) in mode cgroup with the guardian/,
    what: 'The guardian in mode `cgroup`',
    why: (found) => {
      const calls = (way: string, name: string): string =>
        (spentIn(found, 'guardian', `Mode cgroup, 16 sleepers: ${way}`, name)['number of calls'] ?? 0).toFixed(0);
      const each = ['freeze', 'thaw'].map(
        (way) => `${calls(way, 'with the guardian')} and ${calls(way, 'without')} for a ${way}`,
      );
      return (
        `With the guardian and without it makes as many system calls: ${listed(each)}. The guardian adds two writes to memory. ` +
        'The cause of a greater difference is not known.'
      );
    },
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
    goals: /^Gaps over 100 µs, (.+, cgroup), beyond/,
    what: 'The turns of the event loop in mode `cgroup`',
    why: (found, _, { which }) =>
      'The checks and the write are one step: between two steps, another state could freeze the group. The longest gap with ' +
      `${which.replace(', cgroup', '')} spends ${account(found, 'turns', 'The longest gap', which)}. The bare write takes ` +
      `${microseconds(median(group(found), 'writeSync to cgroup.freeze', 'freeze'))} for 128 processes.`,
  },
  {
    goals: /^Gaps over 100 µs, (.+), beyond/,
    what: 'The turns of the event loop in other modes',
    why: (found, _, { which }) => {
      const { samples } = figureIn(tableOf(found, 'turns'), which);
      return (
        `With ${which} the longest gap spends ${account(found, 'turns', 'The longest gap', which)}. There are ${samples} gaps in ` +
        'all, and the plain work has late ones as well, where something else takes the processor.'
      );
    },
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
        `The goal leaves ${microseconds(0.2 * median(table, 'bare condition variable'))}. A bare poll in C++, which does no more ` +
        `than to compare a number, takes ${microseconds(median(table, 'bare poll'))}: two calls from JavaScript into native code, ` +
        'the way of the number from one processor to the other, and the two looks at the clock. The wait takes ' +
        `${microseconds(median(table, 'waitForStateChangeSync, spin'))}.`
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
        'callback resolves a promise, which a wait cannot do without, takes ' +
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
    const its = missed
      .filter((goal) => because(goal) === reason)
      .map((goal) => ({ goal, which: reason.goals.exec(goal.what)?.[1] ?? '' }));
    if (its.length === 0) return [];
    const worst = its.reduce((one, other) => (missedBy(other.goal) > missedBy(one.goal) ? other : one));
    const which = [...new Set(its.map((one) => one.which))];
    const title = typeof reason.what === 'string' ? reason.what : reason.what(which);
    return [
      `- **${title}** (${its.length} ${its.length === 1 ? 'goal' : 'goals'}). ${reason.why(found, which, worst)}`,
    ];
  });
  const unknown = missed.filter((goal) => because(goal) === undefined);
  return [...known, ...unknown.map(({ what }) => `- **${what}.** The cause is not known.`)].join('\n');
}

const missedBy = ({ value, atMost }: Goal): number => value / atMost;
