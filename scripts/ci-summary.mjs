// node scripts/ci-summary.mjs FOLDER: prints the closing lines of the test runs in the folder's logs, which steps
// failed, and the sum of the runners' reports as the last line. Fails where a step or a test failed, or none ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const files = readdirSync(folder).sort();
const read = (name) => readFileSync(join(folder, name), 'utf8');
const sum = { passed: 0, failed: 0, skipped: 0 };

/** @param {string} text vitest's JSON report */
function addVitest(text) {
  const report = JSON.parse(text);
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

for (const file of files) {
  const step = file.replace(/\.\w+$/, '');
  if (file.endsWith('.json')) addVitest(read(file));
  else if (file.endsWith('.xml')) addCtest(read(file));
  else continue;
  console.log(`${step}:`);
  for (const line of read(`${step}.log`).split('\n')) {
    if (/^ *(Test Files|Tests|Duration) {2}|^\d+% tests passed|^Total Test time/.test(line)) console.log(line);
  }
}

const failedSteps = files.filter((file) => file.endsWith('.status') && read(file).trim() !== '0');
for (const file of failedSteps) console.log(`FAILED step: ${file.replace(/\.status$/, '')}`);

const counts = [`${sum.passed} passed`, `${sum.failed} failed`];
if (sum.skipped > 0) counts.push(`${sum.skipped} skipped`);
console.log(counts.join(', '));
if (failedSteps.length > 0 || sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
