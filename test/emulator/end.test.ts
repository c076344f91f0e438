import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { args, eventually, extension, fixture, Run } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until the processes have ended: a killed one closes its files, and so lets the run end, a moment before. */
const ended = (run: Run) => eventually('its processes have ended', () => /^[-Z]+$/.test(run.letters));

describe('the end', () => {
  it('is told to the extensions that subscribed to it, and a runtime that ignores SIGTERM is killed', async () => {
    const farewell = join(folder, 'spindown.json');
    const extensions = [extension('one', '--farewell', farewell), extension('two', '--events', 'INVOKE')];
    const run = new Run(args({ runtime: fixture('runtime.mjs', 'stubborn'), extensions }));
    await run.exitsWith(0);

    expect(JSON.parse(readFileSync(farewell, 'utf8'))).toMatchObject({ shutdownReason: 'spindown' });
    expect(run.stderr).toMatch(/exit .* name=runtime how=signal: killed/);
    expect(run.stderr).toMatch(/exit .* name=extension-1 how=exit status 0/);
    expect(run.stderr).toMatch(/exit .* name=extension-2 how=signal: killed/);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s thaws, and leaves no process', async (signal, code) => {
    const farewell = join(folder, `${signal}.json`);
    const extensions = [extension('one', '--farewell', farewell), extension('two')];
    const run = new Run(args({ extensions, more: ['--gap', 60_000] }));
    await run.until('everyone is stopped', () => run.letters === 'TTT');
    run.child.kill(signal);

    await run.exitsWith(code);
    expect(run.letters).toBe('---');
    expect(run.lines).toHaveLength(1);
    expect(JSON.parse(readFileSync(farewell, 'utf8'))).toMatchObject({ shutdownReason: 'spindown' });
  });

  it('by a signal during an invocation prints no line for it', async () => {
    const run = new Run(args({ events: [{ sleepMs: 60_000 }] }));
    await run.until('it is delivered', () => run.count('deliver') === 1);
    run.child.kill('SIGINT');
    await run.exitsWith(130);
    expect(run.stdout).toBe('');
  });

  it.each([
    ['a freeze', [{}], 'TT'],
    ['an invocation', [{ sleepMs: 60_000 }], ''],
  ] as const)(
    'by Ctrl-C in %s, which a terminal sends to every process, is no failure of the runtime',
    async (_when, events, letters) => {
      const more = ['--gap', 60_000];
      const run = new Run(args({ events: [...events], extensions: [extension('one')], more }), { detached: true });
      await run.until('it is delivered', () => run.count('deliver') === 1);
      await run.until('the moment', () => letters === '' || run.letters === letters);
      process.kill(-run.pid, 'SIGINT');
      await run.exitsWith(130);
      expect(run.letters).toBe('--');
      expect(run.stdout).not.toContain('errorType');
      expect(run.happenings).not.toContain('fail');
    },
  );

  it('by Ctrl-C is no failure, even if a process of the sandbox dies of it before the emulator gets it', async () => {
    const run = new Run(args({ events: [{ sleepMs: 60_000 }], extensions: [extension('one')] }));
    await run.until('it is delivered', () => run.count('deliver') === 1);
    process.kill(run.processes['extension-1'] as number, 'SIGINT');
    await run.until('its exit is known', () => run.count('exit') === 1);
    run.child.kill('SIGINT');
    await run.exitsWith(130);
    expect(run.happenings).not.toContain('fail');
  });

  it('comes when the reader of standard output ends: no process is left', async () => {
    const run = new Run(args({ events: [{}, {}, {}], more: ['--gap', 200] }));
    await run.until('it is delivered', () => run.count('deliver') === 1);
    run.child.stdout?.destroy();
    expect(await run.exited()).toBeGreaterThan(0);
    await ended(run);
  });

  it('by a second signal does not wait for the processes', async () => {
    const extensions = [extension('slow', '--work', 60_000)];
    const run = new Run(args({ extensions }));
    await run.until('it is answered', () => run.count('response') === 1);
    run.child.kill('SIGINT');
    await run.until('the end has begun', () => run.count('shutdown') === 1);
    run.child.kill('SIGINT');
    const before = Date.now();
    await run.exitsWith(130);
    expect(Date.now() - before).toBeLessThan(1_500);
    await ended(run);
  });
});
