import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { args, extension, post, Run, serving } from './helpers';

const twoExtensions = [extension('one'), extension('two')];
const folder = mkdtempSync(join(tmpdir(), 'freeze-state-emulator-freeze-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the freeze', () => {
  it('stops every process between two invocations and none in one', async () => {
    const { run, url } = await serving(...twoExtensions.flatMap((one) => ['--extension', one]));
    for (let n = 1; n <= 2; n++) {
      await run.until('it is frozen', () => run.count('freeze') === n);
      expect(run.letters).toBe('TTT');

      const file = join(folder, `over-${n}`);
      const answer = post(url, { run: ['sh', '-c', `until [ -e ${file} ]; do sleep 0.01; done`] });
      await run.until('it is delivered', () => run.count('deliver') === n);
      const seen: string[] = [];
      await run.until('it was seen often enough', () => seen.push(run.letters) >= 50);
      writeFileSync(file, '');
      await answer;
      expect(seen.join()).toMatch(/^[RSDtX,]+$/);
    }
    await run.until('it is frozen', () => run.count('freeze') === 3);
    expect(run.letters).toBe('TTT');
    run.child.kill('SIGINT');
    await run.exitsWith(130);
    expect(run.count('freeze')).toBe(3);
    expect(run.count('thaw')).toBe(3);
  });

  it('writes each freeze and thaw with its microseconds and each state letter, the thaw before the delivery', async () => {
    const { run, url } = await serving('--extension', extension('one'));
    await run.until('it is frozen', () => run.count('freeze') === 1);
    await post(url, {});
    await run.until('it is frozen again', () => run.count('freeze') === 2);
    run.child.kill('SIGINT');
    await run.exitsWith(130);

    const freeze = /^\[ +\d+\.\d{6}\] freeze {4}extension-1=T runtime=T {2}epoch=\d+ signalled=\d+µs stopped=\d+µs$/m;
    const thaw = /^\[ +\d+\.\d{6}\] thaw {6}extension-1=[RSD] runtime=[RSD] {2}epoch=\d+ took=\d+µs$/m;
    expect(run.stderr).toMatch(freeze);
    expect(run.stderr).toMatch(thaw);
    const life = run.happenings.filter((what) => !['listen', 'start', 'register', 'exit'].includes(what));
    const invocation = ['deliver', 'response', 'parked', 'freeze'];
    expect(life).toEqual(['ready', 'freeze', 'thaw', ...invocation, 'shutdown', 'thaw']);
  });

  it('waits for the slowest extension', async () => {
    const extensions = [extension('fast'), extension('slow', '--work', 2_000)];
    const run = new Run(args({ extensions, more: ['--gap', 60_000] }));

    await run.until('it is frozen', () => run.count('freeze') === 1);
    expect(run.timeOf('freeze') - run.timeOf('deliver')).toBeGreaterThan(1.9);
    expect(run.timeOf('response') - run.timeOf('deliver')).toBeLessThan(1.9);
    run.child.kill('SIGINT');
    await run.exitsWith(130);
  });

  it('is cancelled by an event that arrives within the grace', async () => {
    const run = new Run(args({ events: [{}, { sleepMs: 1_500 }], more: ['--grace', 1_000, '--gap', 20] }));
    await run.exitsWith(0);
    expect(run.lines).toHaveLength(2);
    expect(run.count('cancelled')).toBe(1);
    expect(run.count('freeze')).toBe(0);
    const [, epoch, now] = /cancelled .* epoch=(\d+) now=(\d+)/.exec(run.stderr) ?? [];
    expect(Number(now)).toBe(Number(epoch) + 1);
  });

  it('does not happen with --freeze none', async () => {
    const run = new Run(args({ events: [{}, {}], extensions: twoExtensions, more: ['--freeze', 'none'] }));
    const seen = new Set<string>();
    await run.until('the end begins', () => {
      seen.add(run.letters);
      return run.count('shutdown') === 1;
    });
    expect([...seen].join()).not.toContain('T');
    await run.exitsWith(0);
    expect(run.happenings).not.toContain('freeze');
  });
});
