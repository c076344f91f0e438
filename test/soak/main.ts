// npm run soak -- MINUTES: works on states from several threads for so long, round after round, and ends with 1 where
// anything is left. What is measured is a process of its own (subject.ts), so that its end can be looked at, too.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { Option, program } from 'commander';
import pc from 'picocolors';
import { cgroupOf } from '../helpers/proc';
import { madeBy, mark, marked, within } from './leftovers';
import { plants, type Report } from './report';

program
  .name('npm run soak --')
  .description(
    'Freezes and thaws 20 states of all modes from 4 threads, while members come, go and are killed. ' +
      'Fails where at the end anything is stopped, or a descriptor, a thread, memory, a cgroup or a guardian is left.',
  )
  .argument('[MINUTES]', 'how long', Number, 10)
  .addOption(new Option('--plant <leak>', 'leave one in each round, to see that it is found').choices(plants))
  .parse();
const minutes = program.processedArgs[0] as number;
if (!(minutes > 0)) program.error('MINUTES is to be a number above 0.');
const seconds = minutes * 60;
// Some are for what is opened once, some on each side of the time in which nothing may grow.
const rounds = Math.max(9, Math.round(seconds / 5));

function show({ round, counts, ...now }: Report): void {
  const counted = Object.entries(counts).map(([name, count]) => `${count.toLocaleString('en')} ${name}`);
  const left = `${now.descriptors} descriptors, ${now.threads} threads, heap ${now.heap} kB, resident ${now.resident} kB`;
  console.log(`${pc.bold(`${round}/${rounds}`)}  ${counted.join(', ')}; ${pc.dim(left)}`);
}

/** On a terminal, the time that has passed, in a line of its own. */
function showClock(): () => void {
  if (!process.stdout.isTTY) return () => undefined;
  const start = performance.now();
  const timer = setInterval(() => {
    const passed = Math.round((performance.now() - start) / 1000);
    process.stdout.write(pc.dim(`${passed} s of ${seconds} s\r`));
  }, 1000);
  return () => clearInterval(timer);
}

/** What the rounds found; `undefined` where they did not come to an end. */
async function run(subject: ChildProcess): Promise<string[]> {
  let found: string[] | undefined;
  subject.on('message', (message: Report | { found: string[] }) => {
    if ('found' in message) found = message.found;
    else show(message);
  });
  const stopClock = showClock();
  const tooLong = setTimeout(() => subject.kill('SIGKILL'), (seconds * 2 + 120) * 1000);
  const [code, signal] = await once(subject, 'exit');
  clearTimeout(tooLong);
  stopClock();
  if (found === undefined || code !== 0) return [...(found ?? []), `the process ended with ${signal ?? code}`];
  return found;
}

async function main(): Promise<void> {
  process.env[mark] = randomUUID();
  const [own, options] = [process.env[mark], program.opts<{ plant?: string }>()];
  const words = [String(rounds), String(seconds / rounds), options.plant ?? 'nothing'];
  const subject = spawn(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', join(__dirname, 'subject.ts'), ...words],
    // Each thread would have memory of its own to allocate from, which grows for a while without a leak.
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, MALLOC_ARENA_MAX: '1' } },
  );
  const pid = subject.pid as number;
  const found = await run(subject);

  // Each ends with its parent, if it is not stopped.
  const gone = (what: string, find: () => unknown[]): Promise<string[]> =>
    within(5000, () => find().length === 0, `${what} are left: ${find()}`);
  found.push(
    ...(await gone('processes', () => marked(own).map(({ pid: one, state }) => `${one} (${state})`))),
    ...(await gone('guardians', () => marked(own, `freeze-state-guardian ${pid}`).map((one) => one.pid))),
    ...(await gone('control groups', () => madeBy(pid))),
  );
  for (const { pid: one } of marked(own)) process.kill(one, 'SIGKILL');
  for (const group of madeBy(pid)) rmdirSync(join(cgroupOf(process.pid), group));
  for (const line of found) console.error(pc.red(line));
  console.log(found.length === 0 ? pc.green('Nothing is left.') : pc.red(`${found.length} findings.`));
  process.exitCode = found.length === 0 ? 0 : 1;
}

void main();
