// npm run fuzz runs it: calls every public operation, on a state, on what is none and once it is closed, with any arguments,
// for some seconds. All that may come of it is a result, or an error of ours or one for arguments, with its code. What has
// reached more of the binding than all before is kept, and varied.
import { once } from 'node:events';
import { ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Option, program } from 'commander';
import { child, freshCalls, make, mutatedCalls, operations, shorterCalls, written } from './calls';
import { BindingCoverage } from './coverage';
import { guided } from './guided';
import { Random } from './random';

program
  .name('test/fuzz/arguments.ts')
  .addArgument(new Argument('[SECONDS]').argParser(Number).default(10))
  .addOption(new Option('--seed <N>').argParser(Number).default(Date.now() % 2 ** 31))
  .addOption(new Option('--coverage <LIBRARY>', 'of an addon that counts what it runs; see coverage.cpp'))
  .addOption(new Option('--random', 'vary nothing, for comparison'))
  .parse();
const seconds = program.processedArgs[0] as number;
const options = program.opts<{ seed: number; coverage?: string; random?: true }>();

const root = join(__dirname, '../..');
const cache = join(root, '.cache/fuzz');

async function main(): Promise<void> {
  const coverage = options.coverage === undefined ? undefined : new BindingCoverage(options.coverage);
  mkdirSync(cache, { recursive: true });
  // What is run, for an input that ends this process.
  const last = openSync(join(cache, 'arguments-last'), 'w');
  console.log(`Arguments of ${operations.size} operations for ${seconds} s, seed ${options.seed}.`);
  const end = performance.now() + seconds * 1000;
  let calls = 0;
  const outcome = await guided(
    {
      fresh: freshCalls,
      mutated: mutatedCalls,
      shorter: shorterCalls,
      run: (input) => {
        ftruncateSync(last);
        writeSync(last, written(input), 0);
        calls += input.all.length;
        return make(input);
      },
      hasReachedMore: () => coverage?.hasGrown() ?? false,
    },
    new Random(options.seed),
    () => performance.now() > end,
    options.random ? 0 : undefined,
  );
  const reached = coverage === undefined ? '' : `, ${coverage.reached} of ${coverage.size} blocks of the binding`;
  console.log(
    `${calls} calls in ${outcome.runs} runs, ${outcome.kept} of which reached more than those before${reached}.`,
  );
  if (outcome.found === undefined) console.log('No crash, and no error without a code.');
  else {
    console.error(`${written(outcome.found.input)}\nthrew`, outcome.found.error);
    process.exitCode = 1;
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
}

void main();
