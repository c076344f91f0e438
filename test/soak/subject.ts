// The process of a soak. Its words: how many rounds, the seconds of each, and what each is to leave on purpose.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { cgroupOf } from '../helpers/proc';
import { descriptors, madeBy, threads, within } from './leftovers';
import type { plants, Report } from './report';
import { playRound } from './round';

const [rounds = 0, seconds = 0] = process.argv.slice(2, 4).map(Number);
const plant = process.argv[4] as (typeof plants)[number] | 'nothing';
/** Rounds in which Node and the addon open what they open once, and the allocators grow. */
const warmUp = 3;
/** By how many kB the least memory of the last three rounds may exceed that of the first three after the warm-up. */
const mayGrow = { heap: 2 * 1024, resident: 24 * 1024 };
/** What may be added after the warm-up: one thread that Node begins late, with its descriptors. */
const mayOpen = { descriptors: 5, threads: 1 };
const kept: unknown[] = [];

const planting: Record<typeof plant, () => unknown> = {
  nothing: () => undefined,
  descriptor: () => createServer().listen(0).unref(),
  file: () => openSync('/proc/self/stat', 'r'),
  stopped: () => spawn('sleep', ['600'], { stdio: 'ignore' }).kill('SIGSTOP'),
  process: () => spawn('sleep', ['600'], { stdio: 'ignore' }).unref(),
  cgroup: () => mkdirSync(join(cgroupOf(process.pid), `freeze-state-${process.pid}-${kept.length}`)),
  thread: () => new Worker('setInterval(() => undefined, 1000)', { eval: true }).unref(),
  memory: () => Array.from({ length: 50_000 }, (_, i) => ({ i })),
};

/** After a turn in which finalizers run. */
async function collect(): Promise<void> {
  for (let time = 0; time < 3; time += 1) {
    (globalThis.gc as () => void)();
    // It stands for no condition: nothing tells that the finalizers have run.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function main(): Promise<void> {
  const reports: Report[] = [];
  const found: string[] = [];
  process.once('disconnect', () => process.exit(1));
  for (let round = 1; round <= rounds; round += 1) {
    const played = await playRound(round, seconds);
    kept.push(planting[plant]());
    await collect();
    const most = reports[warmUp - 1];
    const told = [...played.found];
    if (most !== undefined) {
      const opened = (): string => `${descriptors()} descriptors, and there were ${most.descriptors}`;
      told.push(...(await within(5000, () => descriptors() <= most.descriptors + mayOpen.descriptors, opened)));
      const begun = (): string => `${threads()} threads, and there were ${most.threads}`;
      told.push(...(await within(5000, () => threads() <= most.threads + mayOpen.threads, begun)));
    }
    told.push(
      ...(await within(
        5000,
        () => madeBy(process.pid).length === 0,
        () => `${madeBy(process.pid)} are left`,
      )),
    );
    const { heapUsed, rss } = process.memoryUsage();
    const memory = { heap: Math.round(heapUsed / 1024), resident: Math.round(rss / 1024) };
    const report = { round, counts: played.counts, descriptors: descriptors(), threads: threads(), ...memory };
    reports.push(report);
    process.send?.(report);
    found.push(...told.map((line) => `round ${round}: ${line}`));
    // A fault comes back each round, and each time a wait runs into its deadline.
    if (found.length > 0) break;
  }

  for (const [kind, limit] of Object.entries(mayGrow) as ['heap' | 'resident', number][]) {
    const least = (some: Report[]): number => Math.min(...some.map((report) => report[kind]));
    const growth = least(reports.slice(-3)) - least(reports.slice(warmUp, warmUp + 3));
    if (growth > limit) found.push(`${kind} memory has grown by ${growth} kB`);
  }
  process.removeAllListeners('disconnect');
  // Something may be left that keeps it from ending by itself.
  process.send?.({ found }, () => (found.length > 0 ? process.exit() : process.disconnect()));
}

void main();
