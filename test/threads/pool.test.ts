import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { type NodeOptions, valueInNode } from '../helpers/node';
import { family, sleeper, spinner } from '../helpers/processes';

/** An open for reading waits for an open for writing. */
function fifo(): string {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-fifo-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  return path;
}

/** A process that does not stop while it has a child, so that a confirmation is pending until then. */
async function stubborn(): Promise<Slow> {
  const { pid, pids } = await family(['vfork'], 1);
  return { pid, inTheWay: pids, options: {} };
}

/** The same for a cgroup, which freezes that: one that has no processor while we are busy, where we may be so greedy. */
function outrun(): Slow {
  const { pid } = spinner();
  execFileSync('taskset', ['--cpu-list', '--pid', '0', String(pid)]);
  const under = [...(FreezeState.capabilities.boost ? ['chrt', '--fifo', '1'] : []), 'taskset', '--cpu-list', '0'];
  return { pid, inTheWay: [], options: { under } };
}

interface Slow {
  readonly pid: number;
  /** To be killed, for it to stop. */
  readonly inTheWay: readonly number[];
  readonly options: NodeOptions;
}

describe.each(signallingModes)("with the only thread of libuv's pool blocked, in mode %s", (mode) => {
  it('a freeze is confirmed all the same, without another thread', async () => {
    const { pid, inTheWay, options } = mode === FreezeMode.Cgroup ? outrun() : await stubborn();
    const members = [sleeper(fitFor(mode)).pid, pid];
    const result = await valueInNode(
      async ({ FreezeState: State }, ofMode, path, own, children) => {
        // Before the pool starts.
        process.env['UV_THREADPOOL_SIZE'] = '1';
        const { openSync, closeSync, readdirSync, promises } = process.getBuiltinModule('node:fs');
        const threads = (): number => readdirSync('/proc/self/task').length;
        // From now on the pool has its thread.
        await promises.readFile('/proc/self/comm');
        let isFree = false;
        const blocked = promises.open(path, 'r').then((file) => {
          isFree = true;
          return file.close();
        });
        const state = State.withPids(ofMode, own);
        // The first state of a process has started the thread that keeps the guardian.
        const before = threads();
        const confirming = state.confirmFreezeAtEpoch(0, { timeout: 10_000 });
        const counts = [threads()];
        // It looks in each turn of the event loop, and later less often.
        const end = performance.now() + 50;
        while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
        counts.push(threads());
        for (const child of children) process.kill(child, 'SIGKILL');
        const { isFrozen, members: outcomes } = await confirming;
        counts.push(threads());
        const wasFree = isFree;
        closeSync(openSync(path, 'w'));
        await blocked;
        state.close();
        return {
          isFrozen,
          outcomes: outcomes?.slice(0, 2),
          more: counts.map((count) => count - before),
          wasFree,
          isFree,
        };
      },
      [mode, fifo(), members, inTheWay],
      options,
    );
    expect(result).toEqual({
      isFrozen: true,
      outcomes: members.map((member) => ({ pid: member, outcome: 'stopped' })),
      more: [0, 0, 0],
      wasFree: false,
      isFree: true,
    });
  });
});

it("with the only thread of libuv's pool blocked a sandbox ends, and its processes are awaited without polling", async () => {
  const result = await valueInNode(
    async (_, from, path) => {
      process.env['UV_THREADPOOL_SIZE'] = '1';
      const { once } = process.getBuiltinModule('node:events');
      const { openSync, closeSync, readFileSync, promises } = process.getBuiltinModule('node:fs');
      const { Sandbox } = process.getBuiltinModule('node:module').createRequire(from)('freeze-state/sandbox');
      await promises.readFile('/proc/self/comm');
      let isFree = false;
      const blocked = promises.open(path, 'r').then((file) => {
        isFree = true;
        return file.close();
      });
      const sandbox = new Sandbox({ mode: 'process', freezeAfter: false });
      // A child, and a daemon, which is none. Neither ends by SIGTERM.
      const program = "trap '' TERM; echo $$; (setsid sh -c 'echo $$; exec sleep 60 >&-' &); exec sleep 60 >&-";
      const child = sandbox.spawn('/bin/sh', ['-c', program], { stdio: ['ignore', 'pipe', 'ignore'] });
      let printed = '';
      child.stdout.on('data', (piece: Buffer) => {
        printed += piece;
      });
      await once(child.stdout, 'end');
      const reads = () => Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/thread-self/io', 'latin1'))?.[1]);
      const end = sandbox.terminate({ forceKillAfter: 60_000, timeout: 60_000 });
      for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      const [first, second] = [reads(), reads()];
      // Nothing is awaited: for so long the calls of read(2) are counted, and whoever polls makes some.
      await new Promise((resolve) => setTimeout(resolve, 200));
      const polled = reads() - second - (second - first);
      for (const pid of printed.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      const ended: { wasKilled: boolean }[] = await end;
      const wasFree = isFree;
      closeSync(openSync(path, 'w'));
      await blocked;
      return { polled, ended: ended.map(({ wasKilled }) => wasKilled), wasFree };
    },
    [__filename, fifo()],
  );
  expect(result).toEqual({ polled: expect.any(Number), ended: [false, false], wasFree: false });
  // A poll each 20 ms would read about both each time. Node itself may read, to hear of its own threads.
  expect(result.polled).toBeLessThan(10);
});
