import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { letterOf, stopped } from '../helpers/proc';
import { start } from '../helpers/processes';
import { until } from '../helpers/until';

const root = join(__dirname, '../..');
/** Inside of the package, where its own name leads to it. */
const folder = mkdtempSync(join(root, 'build/page-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The code of docs/lambda.md, as a file, with time for a slow machine; changed where a test says so. */
function codeOfPage(name: string, change: (code: string) => string = (code) => code): string {
  const page = readFileSync(join(root, 'docs/lambda.md'), 'utf8');
  const [, code = ''] = /^```ts\n(.*?)^```$/ms.exec(page) ?? [];
  const file = join(folder, `${name}.mts`);
  const patient = code.replace('freezeAfter: 20', 'freezeAfter: 20, confirm: { timeout: 60_000 }');
  expect(patient).not.toBe(code);
  writeFileSync(file, change(patient));
  return file;
}

const run = (file: string) => start(process.execPath, ['--import', 'tsx', file], { cwd: root });

/** The sandbox of the page: it is the code's child, and outlives it where that fails. */
let runtime = 0;
afterEach(() => {
  if (runtime !== 0 && isThere(runtime)) process.kill(runtime, 'SIGKILL');
  runtime = 0;
});

function runtimeOf(emulator: number): number {
  const children = readFileSync(`/proc/${emulator}/task/${emulator}/children`, 'latin1').split(' ').filter(Boolean);
  return Number(children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n'));
}

/** A zombie, which may have no parent that reaps it, counts as gone. */
const isThere = (pid: number) => !['', 'Z', 'X'].includes(letterOf(pid));

describe('the code of docs/lambda.md', () => {
  it('prints what its comments say, and ends', async () => {
    const child = run(codeOfPage('whole'));
    const exit = once(child, 'exit');
    expect(await text(child.stdout)).toBe('epoch 2: frozen\nepoch 3: work came first\n');
    expect(await text(child.stderr)).toBe('');
    expect(await exit).toEqual([0, null]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'leaves no process when %s comes during a freeze',
    async (signal) => {
      // It lasts until the signal.
      const lasting = codeOfPage(signal, (code) =>
        code.replace(/^await once\(sandbox, 'freeze'\);/m, '$&\nawait sleep(1_000_000);'),
      );
      const child = run(lasting);
      const exit = once(child, 'exit');
      let printed = '';
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      await until(() => printed.includes('epoch 2: frozen\n'), 'the page has frozen its runtime');
      runtime = runtimeOf(child.pid as number);
      await stopped(runtime);
      child.kill(signal);
      expect(await exit).toEqual([128 + constants.signals[signal], null]);
      await until(() => !isThere(runtime), 'the runtime has ended');
    },
  );
});
