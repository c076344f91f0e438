import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isChart, shownCharts } from '../../bench/charts.mjs';
import { isMet, shownGoal } from '../../bench/findings.mjs';
import { spentIn } from '../../bench/lookups.mjs';
import { placesOf, speed } from '../../bench/quotes.mjs';
import { missedGoals } from '../../bench/reasons.mjs';
import { filled, pages, picturesBeside, read, reportOf, written } from '../../bench/report.mjs';
import { root } from '../package/run';

const found = written();

describe('the pages about performance', () => {
  it.each(pages)('%s shows the figures of docs/performance.json', (file) => {
    const page = read(file);
    expect(page).toContain('<!-- measured: ');
    expect(page).toBe(filled(page, found));
  });

  it('have pictures of these figures, and no others', async () => {
    const report = await reportOf(found);
    const pictures = [...report].filter(([file]) => file.startsWith('docs/pictures/'));
    expect(pictures.length).toBeGreaterThan(0);
    for (const [file, svg] of pictures) expect(read(file), file).toBe(svg);
    expect(picturesBeside(report)).toEqual([]);
    expect(picturesBeside(new Map())).toEqual(pictures.map(([file]) => file).sort());
    expect(isChart('demo-dark.svg')).toBe(false);
  });

  it('show every trial', () => {
    const marks = [...read('docs/performance.md').matchAll(/<!-- measured: (.+?) -->/g)].map(([, name]) => name);
    expect(marks).toEqual(expect.arrayContaining(found.trials.map(({ name }) => name)));
  });
});

describe('what a page quotes', () => {
  it.each([
    'A <!-- measured: machine --> B <!-- measured: hot calls -->1<!-- end --> C',
    'A <!-- measured: hot calls -->1<!-- end --> B <!-- measured: machine --> C',
  ])('needs an end of its own: %s', (page) => {
    expect(() => filled(page, found)).toThrow('The place machine of a page has no end.');
  });

  it('names the commit that was measured', () => {
    const { commit: _, ...rest } = found;
    const machine = (commit: object): string =>
      filled('<!-- measured: machine --><!-- end -->', { ...rest, ...commit });
    const id = '0123456789abcdef';
    expect(machine({ commit: { id, isChanged: false } })).toContain('. The commit is 0123456789ab.<');
    expect(machine({ commit: { id, isChanged: true } })).toContain(
      '. The commit is 0123456789ab, with changes to it.<',
    );
    expect(machine({})).not.toContain('commit');
  });

  const middle = 'within the middle half of the events without a freeze';
  it.each([
    [['A', 'B', 'C'], ['D'], `the medians of A, B and C lie ${middle}; that of D does not.`],
    [['A'], ['B', 'C'], `the median of A lies ${middle}; those of B and C do not.`],
    [['A', 'B'], [], `the medians of A and B lie ${middle}.`],
    [[], ['A', 'B'], `the medians of A and B do not lie ${middle}.`],
    [[], ['A'], `the median of A does not lie ${middle}.`],
  ])('says where the medians of %j and %j lie', (within, beyond, told) => {
    expect(placesOf(within, beyond)).toBe(told);
  });

  it.each([
    [[1.2, 1.1], '1.10 to 1.20 times faster'],
    [[1.5], '1.50 times faster'],
    [[0.5, 0.8], '1.25 to 2.00 times slower'],
    [[0.5, 1.2], 'between 2.00 times slower and 1.20 times faster'],
  ])('puts the ratios %j into words', (ratios, told) => {
    expect(speed(ratios)).toBe(told);
  });

  it('names in a chart only the rows that are drawn', () => {
    const figure = { median: 5, lower: 4, upper: 6, samples: 9, ratio: 1 };
    const rows = [
      { name: 'a loop', figures: { 'last member': figure } },
      { name: 'nothing', figures: {} },
    ];
    const table = { title: 'A thaw', unit: 'µs', baseline: 'a loop', rows };
    const [chart] = shownCharts({ name: 'thaw', seconds: 1, tables: [table], profiles: [], goals: [], notes: [] });
    expect(chart).toContain('alt="Last member: a loop 5.00 µs."');
  });
});

describe('the reasons for missed goals', () => {
  /** As if these goals, and no others, were missed in a run that else found the same. */
  const lines = (...missed: string[]): string[] =>
    missedGoals({
      ...found,
      trials: found.trials.map((trial) => ({
        ...trial,
        goals: trial.name === 'calls' ? missed.map((what) => ({ what, value: 2, atMost: 1 })) : [],
      })),
    }).split('\n');

  it.each([
    [['A confirmation of 64, against kill and waitid in C'], 'Confirmations of 64 children** (1 goal)'],
    [
      ['A freeze in mode cgroup, against the loop in C', 'A thaw in mode cgroup, against the loop in C'],
      'Mode `cgroup` against the loop in C, for processes that are not children of Node** (2 goals)',
    ],
    [
      [
        'A shell with 99 sleepers: a confirmation in mode process, against the loop in C',
        'A shell with 99 sleepers: a confirmation in mode process-tree, against the loop in C',
      ],
      'Confirmations in modes `process` and `process-tree`** (2 goals)',
    ],
    [
      ['The asynchronous wait, against Atomics.waitAsync'],
      'The asynchronous wait against `Atomics.waitAsync`** (1 goal)',
    ],
  ])('name those of %j', (missed, title) => {
    const [line, ...others] = lines(...missed);
    expect(line).toContain(`- **${title}. `);
    expect(others).toEqual([]);
  });

  it('show the profile of the one that is furthest from its goal', () => {
    const trials = found.trials.map((trial) => {
      const isConfirm = trial.name === 'confirm';
      const goals = [16, 64].map((count) => ({
        what: `A confirmation of ${count}, against kill and waitid in C`,
        value: count,
        atMost: 1,
      }));
      return { ...trial, goals: isConfirm ? goals : [] };
    });
    const [ours, bare] = ['confirm, process', 'kill and waitid in C'].map((name) =>
      spentIn(found, 'confirm', '64', name)['all']?.toFixed(0),
    );
    expect(missedGoals({ ...found, trials })).toContain(`profile of 64 it takes ${ours} µs instead of ${bare}: `);
  });

  it.each([
    'A confirmation of 4, against kill and waitid in C',
    'A thaw that comes at 10 % of it, against one that waits for the whole freeze',
    'A thaw in mode process-tree, against the loop in C',
  ])('are not those of another case: %s', (what) => {
    expect(lines(what)).toEqual([`- **${what}.** The cause is not known.`]);
  });
});

describe('a report', () => {
  it('is none without the figures that a page asks for', async () => {
    await expect(reportOf({ ...found, quick: true })).rejects.toThrow('--quick');
    for (const { name } of found.trials) {
      const trials = found.trials.filter((trial) => trial.name !== name);
      await expect(reportOf({ ...found, trials }), name).rejects.toThrow(
        `the trial ${name}, which has no results here`,
      );
    }
  });

  it.each([
    [['freeze'], '--report takes all trials: name none.'],
    [['--quick'], '--report needs figures to rely on: leave out --quick.'],
  ])('is refused with %s before anything is measured', (args, message) => {
    const program = ['--import', 'tsx', join(root, 'bench/main.mts'), '--report', ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, program, { cwd: root, encoding: 'utf8' });
    expect({ status, stdout, stderr: stderr.trim() }).toEqual({ status: 1, stdout: '', stderr: message });
  });
});

it.each([
  [1.3044, 1.3, '1.304'],
  [1.2956, 1.3, '1.30'],
  [1.3000004, 1.3, '1.300000'],
  [1 / 3, 1 / 3, '0.33'],
  [0.3341, 1 / 3, '0.334'],
  [1.54, 1, '1.54'],
])('a goal is shown on the side of its limit on which it is: %d of at most %d as %s', (value, atMost, shown) => {
  const goal = { what: 'one', value, atMost };
  expect(shownGoal(goal)).toEqual({ value: shown, atMost: atMost.toFixed(2) });
  if (shown.length < 8) expect(Number(shown) <= Number(atMost.toFixed(2))).toBe(isMet(goal));
});
