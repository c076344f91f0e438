import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { childEnvironment } from '../helpers/environment';
import { start } from '../helpers/processes';

const root = join(__dirname, '../..');
const example = (name: string) => readFileSync(join(root, 'examples/testing', name), 'utf8');

/** How the test of the page ends for a function, by vitest's own report. */
async function outcome(code: string): Promise<{ status: string; failureMessages: string[] }> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = start(process.execPath, [vitest, 'run', '--project', 'examples', '--reporter', 'json'], {
    cwd: root,
    env: { ...childEnvironment(), FUNCTION: code },
  });
  child.stdin.end();
  const [report, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (report === '') throw new Error(errors);
  const [file] = (JSON.parse(report) as { testResults: { assertionResults: [Awaited<ReturnType<typeof outcome>>] }[] })
    .testResults;
  if (file === undefined) throw new Error(`No test ran: ${report}`);
  return file.assertionResults[0];
}

it('the test of docs/testing.md catches the function whose pool breaks over a freeze', async () => {
  const { status, failureMessages } = await outcome('./orders.mjs');
  expect(status).toBe('failed');
  // After the freeze, and for no other reason.
  expect(failureMessages.join()).toMatch(/^AssertionError: expected { error: 'ECONNRESET' } to deeply equal .*'2'/);
});

it('the test of docs/testing.md passes for the function that was mended', async () => {
  expect(await outcome('./orders-mended.mjs')).toMatchObject({ status: 'passed', failureMessages: [] });
});

it.each(['orders.mjs', 'orders-mended.mjs', 'api.ts', 'runtime.mjs', 'orders.test.ts'])(
  'docs/testing.md shows %s as it is',
  (name) => {
    const [, language] = /\.m?(js|ts)$/.exec(name) ?? [];
    const page = readFileSync(join(root, 'docs/testing.md'), 'utf8');
    expect(page).toContain(`\`\`\`${language}\n${example(name)}\`\`\`\n`);
  },
);
