import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { args, extension, fixture, Run } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a failure', () => {
  const failing = async (run: Run, errorType: string, errorMessage: RegExp) => {
    await run.exitsWith(1);
    expect(run.lines.at(-1)).toMatchObject({ errorType, errorMessage: expect.stringMatching(errorMessage) });
    expect(run.letters).toMatch(/^-+$/);
  };

  it('of a handler is printed as a line, and the next event is delivered all the same', async () => {
    const run = new Run(args({ events: [{ fail: 'no luck' }, { n: 2 }] }));
    await run.exitsWith(1);
    expect(run.lines).toEqual([{ errorType: 'Error', errorMessage: 'no luck' }, { echo: { n: 2 } }]);
  });

  it('of the init is reported as the runtime told it', async () => {
    const run = new Run(args({ runtime: fixture('runtime.mjs', 'init-error') }));
    await failing(run, 'Runtime.ImportModuleError', /^no such module$/);
    expect(run.lines).toHaveLength(1);
  });

  it('of a runtime that ends before its init is done is reported', async () => {
    await failing(new Run(args({ runtime: fixture('runtime.mjs', 'exit', 3) })), 'Runtime.ExitError', /exit status 3$/);
  });

  it('of a command that does not exist is reported', async () => {
    // By its path: where a folder of PATH may not be read, a shell says 126 for a name that is found nowhere.
    await failing(new Run(args({ runtime: '/no/such/program' })), 'Runtime.ExitError', /exit status 127$/);
  });

  it('of a runtime that dies in an invocation is reported', async () => {
    const run = new Run(args({ events: [{ n: 1 }, { exit: 4 }, { n: 3 }], extensions: [extension('one')] }));
    await failing(run, 'Runtime.ExitError', /^RequestId: [\da-f-]{36} Error: runtime exited: exit status 4$/);
    expect(run.lines).toHaveLength(2);
  });

  it('of a runtime that dies while it is frozen is reported, and the others are thawed and told', async () => {
    const farewell = join(folder, 'farewell.json');
    const extensions = [extension('one', '--farewell', farewell)];
    const run = new Run(args({ events: [{ n: 1 }, { n: 2 }], extensions, more: ['--gap', 60_000] }));
    await run.until('everyone is stopped', () => run.letters === 'TT');
    process.kill(run.processes['runtime'] as number, 'SIGKILL');

    await failing(run, 'Runtime.ExitError', /^runtime exited: signal: killed$/);
    expect(run.lines).toHaveLength(2);
    expect(JSON.parse(readFileSync(farewell, 'utf8'))).toMatchObject({
      eventType: 'SHUTDOWN',
      shutdownReason: 'failure',
      deadlineMs: expect.any(Number),
    });
  });

  it('of an extension that dies in an invocation is reported', async () => {
    const extensions = [extension('one'), extension('two', '--exit-on', 'INVOKE')];
    await failing(new Run(args({ extensions, events: [{ sleepMs: 5_000 }] })), 'Extension.Crash', /extension-2 exited/);
  });

  it.each([
    ['init', 'Extension.InitError', /^one reported Extension\.Broken$/],
    ['exit', 'Extension.ExitError', /one reported Extension\.Broken$/],
  ])('of an extension that reports its %s/error', async (phase, errorType, message) => {
    await failing(new Run(args({ extensions: [extension('one', '--fail', phase)] })), errorType, message);
  });

  it('of an extension that never registers is reported', async () => {
    const run = new Run(args({ extensions: ['sleep 60'], more: ['--init-timeout', '0.5'] }));
    await failing(run, 'Sandbox.Timedout', /^Init timed out after 0\.50 seconds$/);
    expect(Object.keys(run.processes)).toEqual(['extension-1']);
  });

  it('of a task that takes too long is reported', async () => {
    const farewell = join(folder, 'timeout.json');
    const extensions = [extension('one', '--farewell', farewell)];
    const run = new Run(args({ events: [{ sleepMs: 60_000 }], extensions, more: ['--timeout', '0.5'] }));
    await failing(run, 'Sandbox.Timedout', /^RequestId: [\da-f-]{36} Error: Task timed out after 0\.50 seconds$/);
    expect(JSON.parse(readFileSync(farewell, 'utf8'))).toMatchObject({ shutdownReason: 'timeout' });
  });
});
