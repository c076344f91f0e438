import { readdirSync, readFileSync } from 'node:fs';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { family, impossiblePid, killed, sleeper, sleepers, zombieOfAnother } from '../helpers/processes';
import { until } from '../helpers/until';

/** The threads that wait for exits. */
function watches(): number {
  return readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'latin1') === 'freeze-exits\n';
    } catch {
      return false;
    }
  }).length;
}

const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise, turn])) === pending;
};

describe('FreezeState.waitForExit', () => {
  it('resolves when the last of the processes has exited', async () => {
    const [first, second] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
    const exits = FreezeState.waitForExit(new Set([first.pid, second.pid]));
    await killed(first);
    expect(await isPending(exits)).toBe(true);
    await killed(second);
    expect(await exits).toBe(undefined);
  });

  it('waits for processes that are no children, too', async () => {
    const { pids, pid } = await family(['tree', '2', '1'], 3);
    const others = pids.filter((one) => one !== pid);
    expect(others).toHaveLength(2);
    const exits = FreezeState.waitForExit(others);
    for (const one of others) {
      expect(await isPending(exits)).toBe(true);
      process.kill(one, 'SIGKILL');
    }
    await exits;
  });

  it('skips zombies, and pids that no process has', async () => {
    await FreezeState.waitForExit([impossiblePid, await zombieOfAnother()]);
    await FreezeState.waitForExit([]);
  });

  it('counts a stopped process as living', async () => {
    const one = sleeper();
    using state = new FreezeState('process', one.pid);
    state.freezeAtEpoch(0);
    await expect(FreezeState.waitForExit([one.pid], { timeout: 1 })).rejects.toThrow('Within 1 ms');
  });

  it.each([
    ['at first', 1],
    ['for a moment', 2],
  ])('goes on where it polls and %s has no descriptor to read of a process', async (_, refused) => {
    const code = await valueInNode(
      async ({ FreezeState: State }, pid, number) => {
        const fs = process.getBuiltinModule('node:fs');
        const { readFileSync } = fs;
        let reads = 0;
        fs.readFileSync = ((path: string, ...others: []) => {
          if (path === `/proc/${pid}/stat` && ++reads === number)
            throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
          return readFileSync(path, ...others);
        }) as typeof readFileSync;
        const why = await State.waitForExit([pid], { timeout: 200 }).catch((error: { code: string }) => error.code);
        return { why, hasPolled: reads > number };
      },
      [sleeper().pid, refused],
      { launch: ['no-pidfd'] },
    );
    expect(code).toEqual({ why: 'ERR_FREEZE_TIMEOUT', hasPolled: true });
  });

  it('rejects after its timeout and when it is aborted, and leaves no thread and no descriptor', async () => {
    const { pid } = sleeper();
    const descriptors = readdirSync('/proc/self/fd').length;
    await expect(FreezeState.waitForExit([pid], { timeout: 0 })).rejects.toMatchObject({
      name: 'FreezeTimeoutError',
      code: 'ERR_FREEZE_TIMEOUT',
      timeout: 0,
    });
    const abort = new AbortController();
    const aborted = FreezeState.waitForExit([pid], { signal: abort.signal });
    await until(() => watches() === 1, 'its thread has begun');
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(FreezeState.waitForExit([pid], { signal: abort.signal })).rejects.toThrow('enough');
    await until(() => watches() === 0, 'the thread has ended');
    expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors);
  });

  it.each([
    ['0', [0], 'ERR_FREEZE_INVALID_PID', '0 is not a pid; expected integers from 2 to 2^31-1'],
    ['a word', ['7'], 'ERR_FREEZE_INVALID_PID', '"7" is not a pid'],
    ['too large a number', [2 ** 31], 'ERR_FREEZE_INVALID_PID', '2147483648 is not a pid'],
    ['our own pid', [process.pid], 'ERR_FREEZE_INVALID_PID', 'is this process itself'],
    ['what is no iterable', 7, 'ERR_INVALID_ARG_TYPE', 'pids is 7'],
  ])('rejects %s', async (_, pids, code, message) => {
    const error = await FreezeState.waitForExit(pids as number[]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('rejects options that are wrong', async () => {
    await expect(FreezeState.waitForExit([], { timeout: -1 })).rejects.toThrow('options.timeout is -1');
    await expect(FreezeState.waitForExit([], { ref: true } as never)).rejects.toThrow('ref');
  });

  it.each([
    ['with pidfds', 'none'],
    ['without pidfds, by polling,', 'no-pidfd'],
  ])('%s keeps the process alive until then, and no longer', async (_, launch) => {
    const result = await valueInNode(
      async ({ FreezeState: { waitForExit }, spawnTarget }) => {
        const { pid } = spawnTarget('sleep', '0');
        const exits = waitForExit([pid]);
        setImmediate(() => process.kill(pid, 'SIGKILL'));
        await exits;
        await waitForExit([pid]);
        const timedOut = await waitForExit([process.ppid], { timeout: 5 }).catch(({ code }) => code);
        return timedOut;
      },
      [],
      { launch: [launch] },
    );
    expect(result).toBe('ERR_FREEZE_TIMEOUT');
  });

  it('ends with the worker that called it', async () => {
    const result = await valueInNode(async ({ worker, spawnTarget }) => {
      for (let round = 0; round < 20; round += 1) {
        const { pid } = spawnTarget('sleep', '0');
        const one = worker(({ FreezeState: { waitForExit } }, target) => {
          for (let i = 0; i < 3; i += 1) void waitForExit([target]);
          process.getBuiltinModule('node:worker_threads').parentPort?.postMessage('waits');
        }, pid);
        await new Promise((resolve) => one.once('message', resolve));
        // In every second round at the moment of the exit.
        if (round % 2 === 1) process.kill(pid, 'SIGKILL');
        await one.terminate();
        if (round % 2 === 0) process.kill(pid, 'SIGKILL');
      }
      return process.getBuiltinModule('node:fs').readdirSync('/proc/self/task').length < 20;
    }, []);
    expect(result).toBe(true);
  });
});
