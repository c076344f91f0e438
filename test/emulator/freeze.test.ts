import { describe, expect, it } from 'vitest';
import { args, extension, Run } from './helpers';

const twoExtensions = [extension('one'), extension('two')];

describe('the freeze', () => {
  it('stops every process between two invocations and none in one', async () => {
    const events = [{ sleepMs: 300 }, { sleepMs: 300 }, {}];
    const run = new Run(args({ events, extensions: twoExtensions, more: ['--gap', 1_000] }));

    for (let n = 1; n <= 2; n++) {
      await run.until('it is delivered', () => run.count('deliver') === n);
      const seen = new Set<string>();
      await run.until('it is answered', () => {
        // In this order: what is read after the response was logged may be the next freeze.
        const { letters } = run;
        if (run.count('response') === n) return true;
        seen.add(letters);
        return false;
      });
      expect([...seen].join()).toMatch(/^[RSDtX,]+$/);
      expect(seen.size).toBeGreaterThan(0);

      await run.until('everyone is stopped', () => run.letters === 'TTT');
      expect(run.count('response')).toBe(n);
    }
    await run.exitsWith(0);
    expect(run.count('freeze')).toBe(3);
    expect(run.count('thaw')).toBe(3);
  });

  it('writes each freeze and thaw with its microseconds and each state letter, the thaw before the delivery', async () => {
    const run = new Run(args({ events: [{}, {}], extensions: [extension('one')], more: ['--gap', 1_000] }));
    await run.exitsWith(0);

    const freeze = /^\[ +\d+\.\d{6}\] freeze {4}extension-1=T runtime=T {2}epoch=\d+ signalled=\d+µs stopped=\d+µs$/m;
    const thaw = /^\[ +\d+\.\d{6}\] thaw {6}extension-1=[RSD] runtime=[RSD] {2}epoch=\d+ took=\d+µs$/m;
    expect(run.stderr).toMatch(freeze);
    expect(run.stderr).toMatch(thaw);
    const life = run.happenings.filter((what) => !['listen', 'start', 'register', 'exit'].includes(what));
    const invocation = ['deliver', 'response', 'parked', 'freeze'];
    expect(life).toEqual(['ready', ...invocation, 'thaw', ...invocation, 'shutdown', 'thaw']);
  });

  it('waits for the slowest extension', async () => {
    const extensions = [extension('fast'), extension('slow', '--work', 800)];
    const run = new Run(args({ extensions, more: ['--gap', 500] }));

    await run.until('a process is stopped', () => run.letters.includes('T'));
    await run.until('it is logged', () => run.count('freeze') === 1);
    expect(run.timeOf('freeze') - run.timeOf('deliver')).toBeGreaterThan(0.75);
    expect(run.timeOf('response') - run.timeOf('deliver')).toBeLessThan(0.75);
    await run.exitsWith(0);
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
