import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { root, run } from './run';

interface Test {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly failureMessages: readonly string[];
}

/** What vitest's JSON reporter writes, as far as it is read. */
function vitestReport(files: readonly { name: string; message?: string; tests: readonly Test[] }[]): string {
  const tests = files.flatMap((file) => file.tests);
  const count = (status: string): number => tests.filter((test) => test.status === status).length;
  return JSON.stringify({
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('skipped'),
    numTodoTests: 0,
    testResults: files.map(({ name, message = '', tests: assertionResults }) => ({
      name,
      message,
      status: message !== '' || assertionResults.some(({ status }) => status === 'failed') ? 'failed' : 'passed',
      assertionResults,
    })),
  });
}

/** Runs the script on a folder with these files, and gives the lines that it prints. */
async function summary(files: Record<string, string>): Promise<{ code: number; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-ci-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { code, stdout } = await run(process.execPath, ['scripts/ci-summary.mjs', folder], { cwd: root });
  return { code, lines: stdout.trimEnd().split('\n') };
}

const passed: Test = { fullName: 'a thing works', status: 'passed', failureMessages: [] };
const skipped: Test = { fullName: 'a thing that is not here', status: 'skipped', failureMessages: [] };
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `line ${i + 1}`);

it('where all is well there are the summaries and the sum', async () => {
  const { code, lines } = await summary({
    'lint.status': '0\n',
    'lint.log': 'much\n',
    'test.status': '0\n',
    'test.log': 'much\n      Tests  1 passed (1)\n',
    'test.json': vitestReport([{ name: '/a/copy/test/x/a.test.ts', tests: [passed, skipped] }]),
    'native.status': '0\n',
    'native.log': '100% tests passed, 0 tests failed out of 3\n',
    'native.xml': '<testsuite name="x" tests="3" failures="0" disabled="0" skipped="1">',
  });
  expect(lines).toEqual([
    'native:',
    '100% tests passed, 0 tests failed out of 3',
    'test:',
    '     Skipped  1 of test/x/a.test.ts',
    '      Tests  1 passed (1)',
    '3 passed, 0 failed, 2 skipped',
  ]);
  expect(code).toBe(0);
});

it('each failed test is shown with its file and message, and the end of the log of each other failed step', async () => {
  const stack = [
    `    at ${root}/test/a.test.ts:26:44`,
    `    at runTest (file://${root}/node_modules/@vitest/runner/dist/index.js:1:1)`,
  ];
  const message = ['\u001b[31mAssertionError\u001b[39m: expected 1 to be 2', 'x'.repeat(500), ...stack].join('\n');
  const { code, lines } = await summary({
    'a.status': '1\n',
    'a.log': 'the log of a\n      Tests  2 failed | 1 passed (3)\n',
    'a.json': vitestReport([
      {
        name: join(root, 'test/a.test.ts'),
        tests: [
          passed,
          { fullName: 'a thing fails', status: 'failed', failureMessages: [message, 'and then'] },
          { fullName: 'a long one', status: 'failed', failureMessages: [numbered(40).join('\n')] },
        ],
      },
      { name: join(root, 'test/b.test.ts'), message: 'It has no such export.', tests: [] },
    ]),
    'lint.status': '2\n',
    'lint.log': `${numbered(30).join('\n')}\n`,
    // Ended by its time limit: no test of it has failed, and so the step itself counts as one failure.
    'late.status': '124\n',
    'late.log': 'the log of late\n',
    'late.json': vitestReport([{ name: join(root, 'test/a.test.ts'), tests: [passed] }]),
    'native.status': '8\n',
    'native.log': '66% tests passed, 1 tests failed out of 3\nThe following tests FAILED: 2 - race\n',
    'native.xml': '<testsuite name="x" tests="3" failures="1" disabled="0" skipped="0">',
  });
  const indented = (text: readonly string[]): string[] => text.map((line) => `    ${line}`);
  expect(lines).toEqual([
    'a:',
    '      Tests  2 failed | 1 passed (3)',
    'late:',
    'native:',
    '66% tests passed, 1 tests failed out of 3',
    '',
    'FAILED test of a: a thing fails (test/a.test.ts)',
    ...indented(['AssertionError: expected 1 to be 2', `${'x'.repeat(400)}…`, stack[0] ?? '', 'and then']),
    '',
    'FAILED test of a: a long one (test/a.test.ts)',
    ...indented(numbered(25)),
    '',
    'FAILED test of a: all of it (test/b.test.ts)',
    '    It has no such export.',
    '',
    'The end of the log of late:',
    '    the log of late',
    '',
    'The end of the log of lint:',
    ...indented(numbered(30).slice(5)),
    '',
    'The end of the log of native:',
    ...indented(['66% tests passed, 1 tests failed out of 3', 'The following tests FAILED: 2 - race']),
    '',
    'FAILED step: a',
    'FAILED step: late',
    'FAILED step: lint',
    'FAILED step: native',
    '4 passed, 6 failed, 0 skipped',
  ]);
  expect(code).toBe(1);
});

it('a step that failed before any test ran is shown, counts as one failure, and fails', async () => {
  const { code, lines } = await summary({ 'debian.status': '100\n', 'debian.log': 'E: no network\n' });
  expect(lines).toEqual([
    '',
    'The end of the log of debian:',
    '    E: no network',
    '',
    'FAILED step: debian',
    '0 passed, 1 failed, 0 skipped',
  ]);
  expect(code).toBe(1);
});
