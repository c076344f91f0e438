import { once } from 'node:events';
import { FreezeState } from 'freeze-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopped } from '../helpers/proc';
import { exitCodeOf, sleeper } from '../helpers/processes';

describe.each([false, true])(
  'the exit of a child that was frozen and thawed, with FreezeState.childStopNotices %s',
  (notices) => {
    beforeEach(() => {
      FreezeState.childStopNotices = notices;
    });
    afterEach(() => {
      FreezeState.childStopNotices = false;
    });

    it('arrives with its code', async () => {
      const children = Array.from({ length: 16 }, (_, exitCode) => sleeper({ exitCode }));
      const pids = children.map(({ pid }) => pid);
      const state = FreezeState.withPids('process', pids);
      state.freezeAtEpoch(0);
      await stopped(...pids);
      state.unfreeze();
      expect(await Promise.all(children.map(exitCodeOf))).toEqual(children.map((_, exitCode) => exitCode));
    });

    it('arrives with its signal while the others are frozen', async () => {
      const [dying, other] = [sleeper(), sleeper()];
      const state = FreezeState.withPids('process', [dying.pid, other.pid]);
      state.freezeAtEpoch(0);
      await stopped(dying.pid, other.pid);
      const exit = once(dying.child, 'exit');
      dying.child.kill('SIGKILL');
      expect(await exit).toEqual([null, 'SIGKILL']);
      expect(state.isFrozen).toBe(true);
    });

    it('arrives for a child that was spawned after the freeze', async () => {
      const state = new FreezeState('process', sleeper().pid);
      state.freezeAtEpoch(0);
      expect(await exitCodeOf(sleeper({ exitCode: 9 }))).toBe(9);
    });
  },
);
