// npm run property -- SEQUENCES: that many in every mode, in parts that several processes run side by side, with progress.
// Ends with 1 where one does not do what the model says, which it shows.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Argument, Option, program } from 'commander';
import type { FreezeMode } from 'freeze-state';
import pc from 'picocolors';
import { modes } from './modes';
import type { Counts } from './sequences';

/** What a part of them says while it runs, and at its end. */
export type PartMessage = Counts | { readonly failure: string };

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) program.error(`${text} is not a whole number of 1 or more.`);
  return Number(text);
}

program
  .name('npm run property --')
  .description(
    'Compares states with a model of them, in random sequences of operations on members that are stopped and killed.',
  )
  .addArgument(new Argument('[SEQUENCES]', 'how many in each mode').argParser(whole).default(100_000))
  // A part waits for processes to start and to end half of its time.
  .addOption(new Option('--jobs <N>', 'how many processes').argParser(whole).default(2 * availableParallelism()))
  .addOption(new Option('--mode <MODE...>', 'only in these').choices(modes).default(modes))
  .addOption(
    new Option('--seed <N>', 'of the first part; the others count on from it')
      .argParser(whole)
      .default(Date.now() % 2 ** 30),
  )
  .parse();

interface Options {
  readonly jobs: number;
  readonly mode: readonly FreezeMode[];
  readonly seed: number;
}

interface Part {
  readonly mode: FreezeMode;
  readonly count: number;
  readonly seed: number;
}

const total = program.processedArgs[0] as number;
const options = program.opts<Options>();
/** So that what one process gathers stays small, and a mode's progress is seen. */
const partSize = 2000;

/** A part of each mode after the other, so that an early end has seen all. */
function allParts(): Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < total; from += partSize) {
    for (const mode of options.mode) {
      parts.push({ mode, count: Math.min(partSize, total - from), seed: options.seed + parts.length });
    }
  }
  return parts;
}

const done = new Map<FreezeMode, number>(options.mode.map((mode) => [mode, 0]));
let overloaded = 0;
const failures: string[] = [];
const start = performance.now();

function progress(): string {
  const each = [...done].map(([mode, count]) => `${mode} ${count.toLocaleString('en')}`).join(', ');
  const all = [...done.values()].reduce((sum, count) => sum + count, 0);
  const seconds = (performance.now() - start) / 1000;
  return `${each} of ${total.toLocaleString('en')}; ${Math.round(all / seconds)} a second, ${Math.round(seconds)} s`;
}

async function run({ mode, count, seed }: Part): Promise<void> {
  const child = fork(join(__dirname, 'part.ts'), [mode, String(count), String(seed)], {
    execArgv: ['--import', 'tsx'],
  });
  let own: Counts = { done: 0, overloaded: 0 };
  let failure: string | undefined;
  child.on('message', (message: PartMessage) => {
    if ('failure' in message) failure = message.failure;
    else {
      done.set(mode, (done.get(mode) as number) + message.done - own.done);
      overloaded += message.overloaded - own.overloaded;
      own = message;
    }
  });
  // Once it has disconnected, all that it has told has been heard.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  if (code !== 0) failure ??= `In mode ${mode}, seed ${seed}, the process ended with ${signal ?? code}.`;
  if (failure === undefined) return;
  failures.push(failure);
  console.error(pc.red(failure));
}

async function main(): Promise<void> {
  console.log(`${total.toLocaleString('en')} sequences in each mode, seeds from ${options.seed} on.`);
  const timer = setInterval(() => console.log(pc.dim(progress())), process.stdout.isTTY ? 1000 : 15_000);
  const parts = allParts().values();
  const job = async (): Promise<void> => {
    for (const part of parts) await run(part);
  };
  await Promise.all(Array.from({ length: options.jobs }, job));
  clearInterval(timer);
  console.log(progress());
  if (overloaded > 0) console.log(`${overloaded} more ended early: a tree had no processor time to stop in.`);
  // So many would hide a freeze that never ends.
  if (overloaded * 100 > total) failures.push('too many that ended early');
  console.log(failures.length === 0 ? pc.green('All do what the model says.') : pc.red(`${failures.length} do not.`));
  process.exitCode = failures.length === 0 ? 0 : 1;
}

void main();
