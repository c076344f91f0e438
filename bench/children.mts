import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { floor } from './floor.mjs';

const started: ChildProcess[] = [];
/** Their groups end with them. */
const leaders: number[] = [];
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  for (const leader of leaders) killGroup(leader);
});
// By default a signal ends the process without its `exit`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

async function pidOf(child: ChildProcess): Promise<number> {
  started.push(child);
  child.unref();
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid as number));
  });
}

/** Sleeping children that Node spawned, as an emulator's are; they end with this process. */
export function sleepers(count: number, options: SpawnOptions = {}): Promise<number[]> {
  const start = (): ChildProcess => spawn('sleep', ['600'], { ...options, stdio: 'ignore' });
  return Promise.all(Array.from({ length: count }, () => pidOf(start())));
}

/** Children that keep a processor busy each. */
export function spinners(count: number): Promise<number[]> {
  const start = (): ChildProcess => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  return Promise.all(Array.from({ length: count }, () => pidOf(start())));
}

const treeScript = `
tree() {
  if [ $# -gt 0 ]; then
    width=$1 i=0
    shift
    while [ $i -lt $width ]; do tree "$@" & i=$((i + 1)); done
  fi
  exec sleep 600
}
read line
tree "$@"`;

/**
 * A child that leads a group of sleepers, all of them below it: the first width is how many children it has, the second how
 * many each of those has.
 *
 * @param prepare is called with the leader's pid before it has any.
 * @returns the pids, the leader's first. They end with this process, or by {@link killGroup}.
 */
export async function family(
  widths: readonly number[],
  prepare: (leader: number) => void = () => undefined,
): Promise<number[]> {
  const child = spawn('sh', ['-c', treeScript, 'sh', ...widths.map(String)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const leader = await pidOf(child);
  leaders.push(leader);
  prepare(leader);
  child.stdin.end('\n');
  const count = widths.reduceRight((below, width) => 1 + width * below, 1);
  for (let tries = 0; tries < 1000; tries += 1) {
    await setTimeout(10);
    const pids = sleepersOf(leader);
    if (pids.length === count) return [leader, ...pids.filter((pid) => pid !== leader)];
  }
  throw new Error(`The group ${leader} has ${sleepersOf(leader).length} sleepers after 10 s, and not ${count}.`);
}

const nodeScript = `
const { spawn } = require('node:child_process');
for (let i = 1; i < process.argv[1]; i += 1) spawn(process.execPath, ['-e', process.argv[2]], { stdio: 'inherit' });
eval(process.argv[2]);`;

const idleScript = 'console.log(process.pid); setInterval(() => undefined, 2 ** 30);';

/** The same of Node processes with nothing to do, of some ten threads each: a leader and its children. */
export async function nodeFamily(count: number): Promise<number[]> {
  const child = spawn(process.execPath, ['-e', nodeScript, String(count), idleScript], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const leader = await pidOf(child);
  leaders.push(leader);
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += chunk;
    const pids = printed.split('\n').slice(0, -1).map(Number);
    if (pids.length === count) return [leader, ...pids.filter((pid) => pid !== leader)];
  }
  throw new Error(`The group ${leader} ended before its ${count} Node processes ran.`);
}

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left of it.
  }
}

/** The pids of those in the group that have become `sleep`, and sleep. */
function sleepersOf(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(name).match(/\(sleep\) S \d+ (\d+) /)?.[1] === String(group))
    .map(Number);
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}

/** Looks at processes that need not be children of ours, by files that it keeps open. */
export class Watch {
  readonly #files: readonly number[];

  constructor(pids: readonly number[]) {
    this.#files = pids.map((pid) => openSync(`/proc/${pid}/stat`, 'r'));
  }

  /** Blocks until each was seen stopped. */
  awaitStopped(): void {
    floor.awaitText(this.#files, ') T ');
  }

  /** Blocks until each was seen asleep; for those that run once they are continued, and then sleep again. */
  awaitAsleep(): void {
    floor.awaitText(this.#files, ') S ');
  }

  close(): void {
    for (const file of this.#files) closeSync(file);
  }
}
