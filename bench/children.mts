// The processes that the trials freeze; they end with this one. They are started by the helpers of the tests, but are no
// `Target`s: those have pipes to the test, which would be handles in the event loop whose turns are measured here.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
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

/** Sleeping children that Node spawned, as an emulator's are. GNU's `sleep infinity` sleeps in pause(2). */
export function sleepers(count: number, options: SpawnOptions = {}, howLong = '600'): Promise<number[]> {
  const start = (): ChildProcess => spawn('sleep', [howLong], { ...options, stdio: 'ignore' });
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

/** A server that never answers, as Lambda's does not while there is no event. It keeps no event loop alive. */
async function longPoll(): Promise<{ url: string; asked(count: number): Promise<void> }> {
  let asked = 0;
  const server = createServer(() => {
    asked += 1;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/next`;
  return { url, asked: (count) => until(() => asked === count, `${count} runtimes ask for work`) };
}

/** Processes that run in groups of their own, and are to be stopped. */
export interface Family {
  /** The leaders of the groups. {@link killGroup} ends each with its group early. */
  readonly roots: readonly number[];
  readonly all: readonly number[];
}

// Asks for work as the runtime of a sandbox does, and has a child where it is told to.
const runtimeScript = `
const { get } = require('node:http');
const { spawn } = require('node:child_process');
if (process.argv[2]) spawn(process.execPath, ['-e', process.argv[2]], { stdio: 'inherit' });
get(process.argv[1] + '/' + process.pid);`;

/** Node runtimes that are parked on an HTTP long poll; the first has a child with nothing to do. */
export async function runtimes(count: number): Promise<Family> {
  const { url, asked } = await longPoll();
  const children = Array.from({ length: count }, (_, i) =>
    spawn(process.execPath, ['-e', runtimeScript, url, ...(i === 0 ? [idleScript] : [])], {
      detached: true,
      stdio: ['ignore', i === 0 ? 'pipe' : 'ignore', 'ignore'],
    }),
  );
  const roots = await Promise.all(children.map(leaderOf));
  const [printed] = await once(children[0]?.stdout as Readable, 'data');
  await asked(count);
  return { roots, all: [...roots, Number(printed)] };
}

// Each has two children, and tells their pids.
const pythonScript = `
import subprocess, sys, urllib.request
children = [subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL) for _ in range(2)]
print(*(child.pid for child in children), flush=True)
urllib.request.urlopen(sys.argv[1])`;
const shellScript =
  'sleep 600 & first=$!; sleep 600 & echo $first $!; exec >&-; curl --silent --max-time 600 "$0" & echo $! >&2; wait';

/** A runtime in Python and one in a shell, each parked on an HTTP long poll, with children. */
export async function scripts(): Promise<Family> {
  const { url, asked } = await longPoll();
  const python = spawn('python3', ['-c', pythonScript, url], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const shell = spawn('sh', ['-c', shellScript, url], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const roots = await Promise.all([python, shell].map(leaderOf));
  const told = [python.stdout, shell.stdout, shell.stderr].map(async (output) =>
    String((await once(output, 'data'))[0]),
  );
  const children = (await Promise.all(told)).flatMap((line) => line.trim().split(' ').map(Number));
  await asked(2);
  return { roots, all: [...roots, ...children] };
}

const threadsScript = `
import sys, threading
for _ in range(int(sys.argv[1]) - 1): threading.Thread(target=threading.Event().wait).start()
print('begun', flush=True)
threading.Event().wait()`;

/** One process with so many threads, which sleep. */
export async function manyThreads(count: number): Promise<Family> {
  const child = spawn('python3', ['-c', threadsScript, String(count)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const root = await leaderOf(child);
  await once(child.stdout, 'data');
  (child.stdout as unknown as Socket).unref();
  return { roots: [root], all: [root] };
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
