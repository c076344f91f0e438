// node scripts/test-repeat.mjs: runs the tests again and again, under several conditions, and prints a table of what
// failed. What each run printed and reported stays in .cache/repeat.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import Table from 'cli-table3';
import { InvalidArgumentError, Option, program } from 'commander';
import { failuresIn, linesOf } from './vitest-report.mjs';

const conditions = {
  plain: { command: [], busy: 0 },
  busy: { command: [], busy: availableParallelism() },
  one: { command: ['taskset', '-c', '0'], busy: 0 },
};

function count(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is to be a whole number, 1 or more.');
  return Number(text);
}

program
  .name('npm run test:repeat --')
  .description(
    'Runs the tests N times, in turn under three conditions: plain, with every processor kept busy by other work, and ' +
      'on one processor (taskset -c 0). Prints a table of what failed, and ends with 1 if anything did.',
  )
  .argument('<N>', 'how often', count)
  .argument('[words...]', 'for vitest: files, and after a second -- its options, say -t NAME')
  .addOption(new Option('--only <conditions...>', 'under these alone').choices(Object.keys(conditions)))
  .addHelpText('after', '\nFor instance: npm run test:repeat -- 20 test/threads --only busy one')
  .parse();
const [times, words] = program.processedArgs;
const { only = Object.keys(conditions) } = program.opts();

const folder = join('.cache', 'repeat');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

/** Keeps a processor busy. It ends with its parent, however that ends. */
function keepBusy() {
  const loop = `while (process.ppid === ${process.pid}) for (let i = 0; i < 1e6; i += 1);`;
  return spawn(process.execPath, ['-e', loop], { stdio: 'ignore' });
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort());

/** Runs the tests once, and gives what failed and how many passed and were skipped. */
async function run(name, { command, busy }) {
  const [log, report] = [join(folder, `${name}.log`), join(folder, `${name}.json`)];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const [file, ...args] = [...command, process.execPath, vitest, 'run', '--project', 'tree', ...reporters, ...words];
  const output = openSync(log, 'w');
  const others = Array.from({ length: busy }, keepBusy);
  try {
    const child = spawn(file, args, { stdio: ['ignore', output, output], env: { ...process.env, NO_COLOR: '1' } });
    const end = () => child.kill('SIGINT');
    interruption.signal.addEventListener('abort', end, { once: true });
    const [code, signal] = await once(child, 'exit');
    interruption.signal.removeEventListener('abort', end);
    if (interruption.signal.aborted) return { failures: [], passed: 0, skipped: 0 };
    const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { testResults: [] };
    const { numPassedTests: passed = 0, numPendingTests: skipped = 0 } = results;
    const failures = failuresIn(results);
    if (failures.length === 0 && code !== 0) {
      // An error outside of the tests, or no test at all.
      const lines = linesOf(readFileSync(log, 'utf8')).filter((line) => /error|no test/i.test(line));
      failures.push({ test: `the run itself (${signal ?? code})`, file: log, lines });
    }
    return { failures, passed, skipped };
  } finally {
    for (const other of others) other.kill('SIGKILL');
  }
}

/** By test: in which runs it failed, and with which messages. */
const found = new Map();
let done = 0;
for (let number = 1; number <= times && !interruption.signal.aborted; number += 1) {
  const condition = only[(number - 1) % only.length];
  const name = `${String(number).padStart(String(times).length, '0')}-${condition}`;
  const begin = performance.now();
  const { failures, passed, skipped } = await run(name, conditions[condition]);
  if (interruption.signal.aborted) break;
  done += 1;
  for (const { test, file, lines } of failures) {
    const key = `${file}\n${test}`;
    const one = found.get(key) ?? { test, file, runs: [], messages: new Set() };
    one.runs.push(name);
    one.messages.add(lines[0] ?? '');
    found.set(key, one);
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  const outcome = failures.length === 0 ? 'green' : `${failures.length} failed`;
  console.log(`${name}: ${outcome}, ${passed} passed, ${skipped} skipped, ${seconds} s`);
}

if (found.size > 0) {
  const table = new Table({ head: ['test', 'file', 'failed in', 'message'], style: { head: [], border: [] } });
  for (const { test, file, runs, messages } of found.values()) {
    table.push([test, file, runs.join('\n'), [...messages].join('\n')]);
  }
  console.log(table.toString());
}
const isCut = interruption.signal.aborted ? `; cut short after ${done} of ${times} runs` : '';
console.log(`${found.size} tests failed in ${done} runs${isCut}. ${relative(process.cwd(), folder)} has their logs.`);
if (found.size > 0) process.exitCode = 1;
if (interruption.signal.aborted) process.exitCode = 130;
