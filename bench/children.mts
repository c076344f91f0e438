// The processes that the trials freeze; they end with this one. They are started by the helpers of the tests, but are no
// `Target`s: those have pipes to the test, which would be handles in the event loop whose turns are measured here.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { adopt, endWithGroup } from '../test/helpers/children.js';
import { statText } from '../test/helpers/proc.js';
import { until } from '../test/helpers/until.js';
import { floor } from './floor.mjs';

export { killGroup } from '../test/helpers/children.js';

// By default a signal ends the process without its `exit`, at which the children are killed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

async function pidOf(child: ChildProcess): Promise<number> {
  adopt(child).unref();
  await once(child, 'spawn');
  return child.pid as number;
}

async function leaderOf(child: ChildProcess): Promise<number> {
  endWithGroup(child);
  return await pidOf(child);
}

/** Sleeping children that Node spawned, as an emulator's are. */
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
 * @returns the pids, the leader's first. {@link killGroup} ends them early.
 */
export async function family(
  widths: readonly number[],
  prepare: (leader: number) => void = () => undefined,
): Promise<number[]> {
  const child = spawn('sh', ['-c', treeScript, 'sh', ...widths.map(String)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const leader = await leaderOf(child);
  prepare(leader);
  child.stdin.end('\n');
  const count = widths.reduceRight((below, width) => 1 + width * below, 1);
  await until(() => sleepersOf(leader).length === count, `the group ${leader} has ${count} sleepers`);
  return [leader, ...sleepersOf(leader).filter((pid) => pid !== leader)];
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
  const leader = await leaderOf(child);
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += chunk;
    const pids = printed.split('\n').slice(0, -1).map(Number);
    if (pids.length === count) return [leader, ...pids.filter((pid) => pid !== leader)];
  }
  throw new Error(`The group ${leader} ended before its ${count} Node processes ran.`);
}

// Asks for work as the runtime of a sandbox does, and has a child where it is told to.
const runtimeScript = `
const { get } = require('node:http');
const { spawn } = require('node:child_process');
if (process.argv[2]) spawn(process.execPath, ['-e', process.argv[2]], { stdio: 'inherit' });
get(process.argv[1] + '/' + process.pid);`;

/**
 * Node runtimes that are parked on an HTTP long poll; the first has a child with nothing to do.
 *
 * @returns the pids of the runtimes, and of all with the child. {@link killGroup} ends them early, for each runtime.
 */
export async function runtimes(count: number): Promise<{ roots: number[]; all: number[] }> {
  let asked = 0;
  const server = createServer(() => {
    asked += 1;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/next`;
  const children = Array.from({ length: count }, (_, i) =>
    spawn(process.execPath, ['-e', runtimeScript, url, ...(i === 0 ? [idleScript] : [])], {
      detached: true,
      stdio: ['ignore', i === 0 ? 'pipe' : 'ignore', 'ignore'],
    }),
  );
  const roots = await Promise.all(children.map(leaderOf));
  const [printed] = await once(children[0]?.stdout as Readable, 'data');
  await until(() => asked === count, `${count} runtimes ask for work`);
  return { roots, all: [...roots, Number(printed)] };
}

/** The pids of those in the group that have become `sleep`, and sleep. */
function sleepersOf(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && /\(sleep\) S \d+ (\d+) /.exec(statText(name))?.[1] === String(group))
    .map(Number);
}

/** Watches processes, which need not be our children, through /proc/PID/stat files that it keeps open. */
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
