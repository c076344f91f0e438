import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';

/**
 * How many SIGCHLDs a listener has heard: after a stop, after the thaw, and after the exit of a child. It waits for as many
 * as are expected, and a few turns longer.
 */
function heard(childStopNotices: boolean, installed: 'before' | 'after the first freeze', expected: number[]) {
  return valueInNode(
    async (
      { FreezeState, spawnTarget, stoppedNow, runningNow, untilNow, letterOf, turn },
      notices,
      when,
      [stops = 0, thaws = 0, exits = 0],
    ) => {
      const { once } = process.getBuiltinModule('node:events');
      FreezeState.childStopNotices = notices;
      let count = 0;
      const heardOf = async (awaited: number) => {
        const end = Date.now() + 30_000;
        while (count < awaited && Date.now() < end) await turn();
        for (let i = 0; i < 5; i += 1) await turn();
        return count;
      };
      const listen = () => process.on('SIGCHLD', () => (count += 1));
      if (when === 'before') listen();
      const child = spawnTarget('sleep');
      const state = new FreezeState({ mode: 'process', pids: [child.pid], guardian: false });
      state.freezeAtEpoch(0);
      stoppedNow(child.pid);
      state.unfreeze();
      // Once it sleeps. A child that was continued counts as running before it has run, and it sends the notice when it runs.
      untilNow(() => letterOf(child.pid) === 'S', 'the child sleeps again');
      // The notices of this round are heard, where there are any, by a listener that was there before it.
      await heardOf(when === 'before' ? thaws : 0);
      if (when !== 'before') listen();
      count = 0;

      state.freezeAtEpoch(1);
      stoppedNow(child.pid);
      const afterStop = await heardOf(stops);
      state.unfreeze();
      runningNow(child.pid);
      const afterThaw = await heardOf(thaws);
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
      return [afterStop, afterThaw, await heardOf(exits)];
    },
    [childStopNotices, installed, expected],
  );
}

describe.each(['before', 'after the first freeze'] as const)('a SIGCHLD listener installed %s', (installed) => {
  it('hears of exits only', async () => {
    expect(await heard(false, installed, [0, 0, 1])).toEqual([0, 0, 1]);
  });

  it('hears of stops, continues and exits where FreezeState.childStopNotices is true', async () => {
    expect(await heard(true, installed, [1, 2, 3])).toEqual([1, 2, 3]);
  });
});

describe('FreezeState.childStopNotices', () => {
  it('is of the process: a worker sets it for all, and takes the flag of an earlier freeze off', async () => {
    const result = await valueInNode(async ({ FreezeState, spawnTarget, worker, stoppedNow, runningNow, turn }) => {
      const { once } = process.getBuiltinModule('node:events');
      let count = 0;
      process.on('SIGCHLD', () => (count += 1));
      const child = spawnTarget('sleep');
      const state = new FreezeState({ mode: 'process', pids: [child.pid], guardian: false });
      const before = FreezeState.childStopNotices;
      state.freezeAtEpoch(0);
      stoppedNow(child.pid);
      await once(
        worker(({ FreezeState: There }) => {
          There.childStopNotices = true;
        }),
        'exit',
      );
      const after = FreezeState.childStopNotices;
      // Continued by a foreign process, so no loop of ours has touched the flag since.
      process.kill(child.pid, 'SIGCONT');
      runningNow(child.pid);
      const end = Date.now() + 30_000;
      while (count === 0 && Date.now() < end) await turn();
      FreezeState.childStopNotices = false;
      child.kill('SIGKILL');
      await once(child, 'exit');
      return { before, after, heard: count > 0 };
    }, []);
    expect(result).toEqual({ before: false, after: true, heard: true });
  });

  it.each([
    [1, '1'],
    ['true', '"true"'],
    [null, 'null'],
    [undefined, 'undefined'],
  ])('is a boolean: %j is a TypeError', (value, shown) => {
    const set = () => {
      FreezeState.childStopNotices = value as never;
    };
    expect(set).toThrow(TypeError);
    expect(set).toThrow(`FreezeState.childStopNotices is ${shown}; expected a boolean.`);
    expect(FreezeState.childStopNotices).toBe(false);
  });
});
