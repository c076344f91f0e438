import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { statField } from '../helpers/proc';
import { until } from '../helpers/until';
import { root, run, userEnvironment } from './run';

const script = join(root, 'scripts/test-repeat.mjs');

/** A folder with a suite of its own, in the tree so that it finds vitest. */
function suite(files: Record<string, string>): string {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache/test-repeat-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'vitest.config.mts'),
    "export default { test: { name: 'tree', globals: true, maxWorkers: 1, isolate: false } };",
  );
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const steady = "it('is steady', () => undefined);";
/** Notes how many processors it has, and how many processes keep them busy for the script, which started its runner. */
const witness = `
  const { appendFileSync, readdirSync, readFileSync } = require('node:fs');
  const { availableParallelism } = require('node:os');
  const textOf = (file) => { try { return readFileSync(file, 'latin1'); } catch { return ''; } };
  it('is a witness', () => {
    const script = textOf('/proc/' + process.ppid + '/stat').replace(/^.*[)] . /s, '').split(' ')[0];
    const isBusy = (pid) => textOf('/proc/' + pid + '/cmdline').includes('process.ppid === ' + script);
    appendFileSync('seen', availableParallelism() + ' ' + readdirSync('/proc').filter(isBusy).length + ';');
  });`;
/** Fails in each run but the first. */
const flaky = `
  const { existsSync, writeFileSync } = require('node:fs');
  it('is flaky', () => {
    const isFirst = !existsSync('ran');
    writeFileSync('ran', '');
    if (!isFirst) throw new Error('not today\\nand more');
  });`;

/** The children of a process, and those of them that keep a processor busy. */
function childrenOf(parent: number): { all: number[]; busy: number[] } {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = pids.map(Number).filter((pid) => statField(pid, 4) === String(parent));
  return { all, busy: all.filter((pid) => commandOf(pid).includes(`process.ppid === ${parent}`)) };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

describe('npm run test:repeat', { timeout: 120_000 }, () => {
  it('goes through the conditions in turn, each as it says, and names in a table what failed, where, when and why', async () => {
    const files = { 'steady.test.cjs': `${steady} it.skip('is skipped');`, 'flaky.test.cjs': flaky };
    const folder = suite({ ...files, 'witness.test.cjs': witness });
    const { code, stdout } = await run(process.execPath, [script, '3'], { cwd: folder });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^1-plain: green, 3 passed, 1 skipped, \d+ s$/),
      expect.stringMatching(/^2-busy: 1 failed, 2 passed, 1 skipped, \d+ s$/),
      expect.stringMatching(/^3-one: 1 failed, 2 passed, 1 skipped, \d+ s$/),
    ]);
    const cells = lines
      .filter((line) => line.startsWith('│'))
      .map((line) => line.split('│').map((cell) => cell.trim()));
    expect(cells).toEqual([
      ['', 'test', 'file', 'failed in', 'message', ''],
      ['', 'is flaky', 'flaky.test.cjs', '2-busy', 'Error: not today', ''],
      ['', '', '', '3-one', '', ''],
    ]);
    expect(lines.at(-1)).toBe('1 tests failed in 3 runs. .cache/repeat has their logs.');
    expect(code).toBe(1);
    expect(readFileSync(join(folder, '.cache/repeat/2-busy.log'), 'utf8')).toContain('and more');
    const processors = availableParallelism();
    expect(readFileSync(join(folder, 'seen'), 'utf8')).toBe(`${processors} 0;${processors} ${processors};1 0;`);
  });

  it('runs under one condition, and the files that it is told; all green is 0', async () => {
    const folder = suite({ 'steady.test.cjs': steady, 'flaky.test.cjs': flaky });
    const { code, stdout } = await run(process.execPath, [script, '1', 'steady', '--only', 'plain'], { cwd: folder });
    expect(stdout).toMatch(/^1-plain: green, 1 passed, 0 skipped, \d+ s\n0 tests failed in 1 runs\./);
    expect(code).toBe(0);
  });

  it('says so where a run fails without a test that does', async () => {
    const folder = suite({});
    const { code, stdout } = await run(process.execPath, [script, '1'], { cwd: folder });
    expect(stdout).toMatch(/the run itself \(1\).*No test files found/);
    expect(code).toBe(1);
  });

  it.each([
    [['0'], 'whole number, 1 or more'],
    [['2', '--only', 'loud'], 'Allowed choices are plain, busy, one'],
    [['2', '--ony', 'busy'], "unknown option '--ony'"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run(process.execPath, [script, ...args], { cwd: suite({}) });
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing busy after %s', async (signal) => {
    const folder = suite({ 'slow.test.cjs': "it('waits', () => new Promise(() => {}), 60_000);" });
    const child = execFile(process.execPath, [script, '1', '--only', 'busy'], { cwd: folder, env: userEnvironment() });
    const { pid = 0 } = child;
    const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await until(() => childrenOf(pid).busy.length > 0, 'processors are kept busy');
    await until(() => childrenOf(pid).all.length > childrenOf(pid).busy.length, 'vitest runs');
    const { all, busy } = childrenOf(pid);
    child.kill(signal);
    expect(await exit).toBe(signal === 'SIGINT' ? 130 : null);
    await until(() => busy.every((one) => ['', 'Z'].includes(statField(one, 3))), 'they have ended');
    // Nobody could end this one after a SIGKILL.
    for (const one of all)
      if (!busy.includes(one) && commandOf(one).includes('vitest.mjs')) process.kill(one, 'SIGKILL');
  });
});
