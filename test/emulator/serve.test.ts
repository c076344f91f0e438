import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fixture, post, Run, serving } from './helpers';

const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) console.warn('Skipped: there is no curl');

describe('--serve', () => {
  it.runIf(hasCurl)('answers curl, freezes in between, and writes START, END and REPORT', async () => {
    const { run, url } = await serving();
    await run.until('it is frozen after its init, before the first event', () => run.letters === 'T');
    const curl = async (data: string) => (await promisify(execFile)('curl', ['-sS', '-i', '-d', data, url])).stdout;

    const answer = await curl('{"n":1}');
    expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer).toMatch(/\r\n\r\n{"echo":{"n":1}}$/);
    expect(answer).not.toMatch(/function-error/i);
    const [, id] = /^x-amzn-requestid: (.+)\r$/im.exec(answer) ?? [];
    await run.until('it is frozen', () => run.letters === 'T');
    const failure = await curl('{"fail":"no luck"}');
    expect(failure).toMatch(/^HTTP\/1.1 200 OK/);
    expect(failure).toMatch(/^x-amz-function-error: Unhandled\r$/im);
    expect(failure).toMatch(/\r\n\r\n{"errorType":"Error","errorMessage":"no luck"}$/);

    await run.until('both are reported', () => run.stdout.split('REPORT').length === 3);
    run.child.kill('SIGINT');
    await run.exitsWith(130);
    expect(run.letters).toBe('-');
    const lines = run.stdout.split('\n');
    const figures = 'Duration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB';
    expect(lines[1]).toBe(`START RequestId: ${id} Version: $LATEST`);
    expect(lines[2]).toBe(`END RequestId: ${id}`);
    expect(lines[3]).toMatch(new RegExp(`^REPORT RequestId: ${id}\t${figures}\tInit Duration: \\d+\\.\\d\\d ms$`));
    expect(lines[6]).toMatch(new RegExp(`^REPORT RequestId: [\\da-f-]{36}\t${figures}$`));
    expect(lines).toHaveLength(8);
  });

  it('has a new sandbox after one that failed, and loses none of the events that wait', async () => {
    const { run, url } = await serving('--freeze', 'none');
    const events = [{ n: 1, sleepMs: 100 }, { exit: 3 }, { n: 2 }, { n: 3 }];
    const answers = await Promise.all(events.map((event) => post(url, event)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.map(({ headers }) => headers.get('x-amz-function-error'))).toEqual([null, 'Unhandled', null, null]);
    const bodies = await Promise.all(answers.map((answer) => answer.json()));
    expect(bodies).toEqual([
      { echo: events[0] },
      { errorType: 'Runtime.ExitError', errorMessage: expect.stringMatching(/runtime exited: exit status 3$/) },
      { echo: events[2] },
      { echo: events[3] },
    ]);
    expect(run.stdout).toMatch(/^REPORT .*\tStatus: error\tError Type: Runtime\.ExitError$/m);

    const interrupted = post(url, { sleepMs: 60_000 });
    await run.until('it is delivered', () => run.count('deliver') === 5);
    expect(run.count('ready')).toBe(2);
    run.child.kill('SIGTERM');
    const { status, headers } = await interrupted;
    expect([status, headers.get('x-amzn-errortype')]).toEqual([500, 'ServiceException']);
    await run.exitsWith(143);
    expect(run.letters).toMatch(/^-+$/);
  });

  it('freezes nothing while it repeats the init of a sandbox that failed', async () => {
    const { run, url } = await serving();
    await run.until('it is frozen after its init', () => run.letters === 'T');
    await post(url, { exit: 3 });
    const answer = await post(url, { n: 1 });
    expect(await answer.json()).toEqual({ echo: { n: 1 } });
    const what = run.happenings;
    const second = what.lastIndexOf('start');
    expect(second).toBeGreaterThan(what.indexOf('start'));
    expect(what.slice(second, what.lastIndexOf('response'))).not.toContain('freeze');
    await run.until('it is frozen after the event', () => /^-*T$/.test(run.letters));
    run.child.kill('SIGINT');
    await run.exitsWith(130);
  });

  it('names a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    for (const ports of [
      ['--serve', port],
      ['--serve', 0, '--port', port],
    ]) {
      const run = new Run(['--runtime', fixture('runtime.mjs'), ...ports.map(String)]);
      await run.exitsWith(2);
      const option = ports.at(-2);
      expect(run.stderr).toMatch(new RegExp(`^error: ${option} ${port} is not possible: the port is in use\\.$`, 'm'));
    }
    other.close();
  });
});
