import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isChart, shownCharts } from '../../bench/charts.mjs';
import { isMet, shownGoal } from '../../bench/findings.mjs';
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

  it('names in a chart only the rows that are drawn', () => {
    const figure = { median: 5, lower: 4, upper: 6, samples: 9, ratio: 1 };
    const rows = [
      { name: 'a loop', figures: { 'last member': figure } },
      { name: 'nothing', figures: {} },
    ];
    const table = { title: 'A thaw', unit: 'µs', baseline: 'a loop', rows };
    const [chart] = shownCharts({ name: 'thaw', seconds: 1, tables: [table], goals: [], notes: [] });
    expect(chart).toContain('alt="Last member: a loop 5.00 µs."');
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
