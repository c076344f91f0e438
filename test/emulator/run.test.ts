import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { args, extension, Run, root } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a run', () => {
  it('prints the responses in the order of the events, and nothing else, on standard output', async () => {
    const file = join(folder, 'events.jsonl');
    writeFileSync(file, '{"n":3}\n\n{"n":12345678901234567890}\n');
    const events = [{ n: 1, sleepMs: 60 }, { n: 2 }];
    const run = new Run(
      args({ events, extensions: [extension('one'), extension('two')], more: ['--events', file, '--gap', 0] }),
    );

    await run.exitsWith(0);
    expect(run.lines.slice(0, 3)).toEqual([{ echo: events[0] }, { echo: events[1] }, { echo: { n: 3 } }]);
    expect(run.lines).toHaveLength(4);
  });

  it('hands on what it is given byte by byte, and puts a response on one line', async () => {
    const raw = '{\n  "big": 12345678901234567890,\n  "text": "a\\nb"\n}\n';
    const run = new Run(args({ events: [{ raw }, { raw: 'not JSON' }], more: ['--gap', 0] }));

    await run.exitsWith(0);
    expect(run.stdout).toBe('{   "big": 12345678901234567890,   "text": "a\\nb" }\n"not JSON"\n');
  });

  it('can be started by `npm run emulator`, whose help has the options', () => {
    const help = execFileSync('npm', ['run', '--silent', 'emulator', '--', '--help'], { cwd: root, encoding: 'utf8' });
    for (const option of ['--runtime', '--extension', '--event', '--events', '--freeze', '--grace', '--gap']) {
      expect(help).toContain(option);
    }
  });
});

describe('the environment', () => {
  it('is the real one, and an extension does not get what belongs to the function', async () => {
    const file = join(folder, 'environment.json');
    const names = ['--function-name', 'orders', '--handler', 'app.main'];
    const run = new Run(args({ events: [{ env: true }], extensions: [extension('one', '--env', file)], more: names }), {
      env: { AWS_REGION: 'eu-central-1' },
    });
    await run.exitsWith(0);

    const shared = {
      AWS_LAMBDA_RUNTIME_API: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      AWS_LAMBDA_FUNCTION_NAME: 'orders',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_REGION: 'eu-central-1',
      AWS_DEFAULT_REGION: 'eu-central-1',
      TZ: ':UTC',
    };
    const functionOnly = {
      _HANDLER: 'app.main',
      LAMBDA_TASK_ROOT: root,
      LAMBDA_RUNTIME_DIR: '/var/runtime',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/orders',
      AWS_LAMBDA_LOG_STREAM_NAME: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][\da-f]{32}$/),
    };
    expect(run.lines[0]).toMatchObject({ ...shared, ...functionOnly });
    const environment = JSON.parse(readFileSync(file, 'utf8'));
    expect(environment).toMatchObject(shared);
    for (const name of Object.keys(functionOnly)) expect(environment).not.toHaveProperty(name);
  });
});

describe('a body of 6 MB', () => {
  const limit = 6 * 1024 * 1024 + 100;

  it('reaches the runtime, and comes back', async () => {
    const file = join(folder, 'large.json');
    writeFileSync(file, JSON.stringify([{ measure: true, padding: 'x'.repeat(6 * 1024 * 1024) }]));
    const run = new Run(args({ events: [{ bytes: limit }], extensions: [extension('one')], more: ['--events', file] }));

    await run.exitsWith(0);
    const [large, measured] = run.lines as [string, { bytes: number }];
    expect(large).toHaveLength(limit - 2);
    expect(measured.bytes).toBeGreaterThan(6 * 1024 * 1024);
  });

  it('with one byte more gives the error that Lambda gives, and the runtime answers the next event', async () => {
    const run = new Run(args({ events: [{ bytes: limit + 1 }, { n: 2 }] }));
    await run.exitsWith(1);
    expect(run.lines).toMatchObject([{ errorType: 'Function.ResponseSizeTooLarge' }, { echo: { n: 2 } }]);
  });
});
