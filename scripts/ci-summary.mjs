// node scripts/ci-summary.mjs FOLDER: prints the closing lines of the test runs in the folder's logs, why tests and steps
// failed, which steps did, and the sum of the runners' reports as the last line: the end of a long
// log has it all. A failed step in which no test failed (a lint, a run that hung) counts as one failure. Fails where a
// step or a test failed, or no test ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failuresIn, linesOf, placeOf } from './vitest-report.mjs';

const folder = process.argv[2];
const files = readdirSync(folder).sort();
const read = (name) => readFileSync(join(folder, name), 'utf8');
/** Over all steps. */
const sum = { passed: 0, failed: 0, skipped: 0 };
/** Of each thing that failed, its heading and what is to be shown of it. */
const failures = [];

const shown = (lines) => lines.map((line) => `    ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`.trimEnd());

/** @param {string} text vitest's JSON report */
function addVitest(text, step) {
  const report = JSON.parse(text);
  for (const { test, file, lines, isFile } of failuresIn(report)) {
    if (isFile) sum.failed += 1;
    failures.push({ step, heading: `FAILED test of ${step}: ${test} (${file})`, lines: lines.slice(0, 25) });
  }
  for (const { name, assertionResults } of report.testResults) {
    const count = assertionResults.filter((test) => test.status === 'skipped' || test.status === 'todo').length;
    if (count > 0) console.log(`     Skipped  ${count} of ${placeOf(name)}`);
  }
  sum.passed += report.numPassedTests;
  sum.failed += report.numFailedTests;
  sum.skipped += report.numPendingTests + report.numTodoTests;
}

/** @param {string} text ctest's JUnit report */
function addCtest(text) {
  const [suite = ''] = /<testsuite\b[^>]*>/.exec(text) ?? [];
  const number = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const skipped = number('skipped') + number('disabled');
  sum.passed += number('tests') - number('failures') - skipped;
  sum.failed += number('failures');
  sum.skipped += skipped;
}

/** The steps with failed tests. */
const stepsOfFailedTests = new Set();
for (const file of files) {
  const step = file.replace(/\.\w+$/, '');
  if (!/\.(json|xml)$/.test(file)) continue;
  console.log(`${step}:`);
  const failedBefore = sum.failed;
  if (file.endsWith('.json')) addVitest(read(file), step);
  else addCtest(read(file));
  if (sum.failed > failedBefore) stepsOfFailedTests.add(step);
  for (const line of read(`${step}.log`).split('\n')) {
    if (/^ *(Test Files|Tests|Duration) {2}|^\d+% tests passed|^Total Test time/.test(line)) console.log(line);
  }
}

const failedSteps = files
  .filter((file) => file.endsWith('.status') && read(file).trim() !== '0')
  .map((file) => file.replace(/\.status$/, ''));
for (const step of failedSteps) {
  if (!stepsOfFailedTests.has(step)) sum.failed += 1;
  if (failures.some((failure) => failure.step === step)) continue;
  const lines = linesOf(read(`${step}.log`));
  failures.push({ step, heading: `The end of the log of ${step}:`, lines: lines.slice(-25) });
}
for (const { heading, lines } of failures) console.log(['', heading, ...shown(lines)].join('\n'));
if (failures.length > 0) console.log();
for (const step of failedSteps) console.log(`FAILED step: ${step}`);

console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
