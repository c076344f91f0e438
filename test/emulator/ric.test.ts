import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { args, extension, Run, root } from './helpers';

// AWS's own runtime interface client for Node: libcurl, and a process that knows nothing of us.
const client = join(root, '.cache/ric/node_modules/.bin/aws-lambda-ric');
const isInstalled = existsSync(client);
const advice = 'aws-lambda-ric is not installed: run `sh test/emulator/install-ric.sh`';
if (!isInstalled && !process.env['FREEZE_STATE_RIC']) console.warn(`Skipped: ${advice}`);

const runtime = (handler: string) => `env -C ${join(__dirname, 'fixtures/function')} ${client} ${handler}`;

it.runIf(process.env['FREEZE_STATE_RIC'])('the client is installed', () => {
  expect(isInstalled, advice).toBe(true);
});

describe.runIf(isInstalled)("AWS's runtime interface client", () => {
  it('is invoked again and again, and frozen in between', async () => {
    const events = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const run = new Run(
      args({ runtime: runtime('index.echo'), extensions: [extension('one')], events, more: ['--gap', 300] }),
    );
    for (let n = 1; n <= 3; n++) {
      await run.until('everyone is stopped', () => run.count('response') === n && run.letters === 'TT');
    }
    await run.exitsWith(0);
    expect(run.lines).toEqual(
      events.map((event) => ({ event, remainsMs: expect.any(Number), arn: expect.any(String) })),
    );
    for (const { remainsMs, arn } of run.lines as { remainsMs: number; arn: string }[]) {
      expect(remainsMs).toBeGreaterThan(20_000);
      expect(arn).toMatch(/^arn:aws:lambda:.*:function:function$/);
    }
    expect(run.count('freeze')).toBe(3);
  });

  it('is frozen for longer than a keep-alive of Node lasts', async () => {
    const run = new Run(args({ runtime: runtime('index.echo'), events: [{ n: 1 }, { n: 2 }], more: ['--gap', 7_000] }));
    await run.exitsWith(0);
    expect(run.lines).toMatchObject([{ event: { n: 1 } }, { event: { n: 2 } }]);
  });

  it('reports an error of the handler, and goes on', async () => {
    const run = new Run(args({ runtime: runtime('index.fail'), events: [{ fail: true }, { fail: false }] }));
    await run.exitsWith(1);
    expect(run.lines).toMatchObject([
      { errorType: 'TypeError', errorMessage: 'no luck', trace: expect.any(Array) },
      { fine: true },
    ]);
  });

  it('reports a handler that it cannot load', async () => {
    const run = new Run(args({ runtime: runtime('nowhere.handler') }));
    await run.exitsWith(1);
    expect(run.lines).toMatchObject([{ errorType: 'Runtime.ImportModuleError' }]);
  });

  it('takes and gives a body of 5.5 MB', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'events.jsonl');
    const text = 'x'.repeat(5_500_000);
    writeFileSync(file, JSON.stringify({ text }));
    const run = new Run(args({ runtime: runtime('index.large'), events: [], more: ['--events', file] }));
    await run.exitsWith(0);
    expect(run.stdout).toHaveLength(text.length + 3);
    expect(run.lines).toEqual([text]);
  });
});
