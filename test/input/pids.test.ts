import { FreezeMode, FreezeState, InvalidPidError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { signallingModes } from '../helpers/modes';
import { letterOf, openPidfds, statField, threadsOf } from '../helpers/proc';
import { foreignThread, sleeper } from '../helpers/processes';
import { notPids } from '../helpers/values';

const expected = 'expected an integer from 2 to 2147483647';

const kernelThread = [2].find((pid) => (Number(statField(pid, 9)) & 0x0020_0000) !== 0);

/** Each way to hand over a pid that makes it a member. */
type Way = (pid: never, mode: FreezeMode) => unknown;
const ways: Record<string, Way> = {
  registerPid: (pid, mode) => {
    const state = new FreezeState(mode);
    try {
      state.registerPid(pid);
    } finally {
      state.close();
    }
  },
  'the constructor': (pid, mode) => new FreezeState(mode, pid),
  withPids: (pid, mode) => FreezeState.withPids(mode, [pid]),
};

describe.each(Object.entries(ways))('%s', (_: string, register: Way) => {
  describe.each([FreezeMode.None, ...signallingModes])('in mode %s', (mode) => {
    it.each(notPids)('refuses %s', (_, value, shown) => {
      const error = errorOf(() => register(value as never, mode));
      expect(error).toBeInstanceOf(InvalidPidError);
      expect((error as InvalidPidError).pid).toBe(value);
      // The core has a reason of its own for each of the two.
      const why = Number.isInteger(value) ? 'is not a pid that can be frozen' : 'is not a pid';
      expect((error as Error).message).toBe(`registerPid: ${shown} ${why}; ${expected}. Nothing was changed.`);
      expect((error as Error).message).not.toContain('\n');
    });

    it('refuses our own pid', () => {
      const error = errorOf(() => register(process.pid as never, mode));
      expect(error).toBeInstanceOf(InvalidPidError);
      expect((error as Error).message).toContain(`${process.pid} is this very process`);
    });
  });

  // The parent of all threads of the kernel; a container does not see it.
  it.runIf(kernelThread !== undefined).each(signallingModes)('refuses a thread of the kernel in mode %s', (mode) => {
    const error = errorOf(() => register(kernelThread as never, mode));
    expect(error).toBeInstanceOf(InvalidPidError);
    expect((error as Error).message).toContain(`${kernelThread} is a thread of the kernel, which takes no signal`);
  });

  it('refuses a thread of ours', () => {
    const [thread] = threadsOf(process.pid).filter((tid) => tid !== process.pid);
    const error = errorOf(() => register(thread as never, 'process'));
    expect(error).toBeInstanceOf(InvalidPidError);
    expect((error as Error).message).toContain(`${thread} is the id of a thread; expected that of a process`);
  });

  it('refuses a thread of another process', async () => {
    const thread = await foreignThread();
    const error = errorOf(() => register(thread as never, 'process'));
    expect(error).toBeInstanceOf(InvalidPidError);
    expect((error as InvalidPidError).pid).toBe(thread);
  });
});

describe('a pid that is refused', () => {
  it('leaves the members as they were, and unstopped', () => {
    const { pid } = sleeper();
    const state = new FreezeState('process', pid);
    for (const [, value] of notPids) {
      expect(() => state.registerPid(value as never)).toThrow(InvalidPidError);
      expect(() => state.unregisterPid(value as never)).toThrow(InvalidPidError);
    }
    expect(() => state.registerPid(undefined as never)).toThrow(InvalidPidError);
    expect(state.pids).toEqual([pid]);
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
    expect(letterOf(pid)).not.toBe('T');
  });

  it('in a list registers none of the list', () => {
    const before = openPidfds();
    const pids = [sleeper().pid, sleeper().pid];
    expect(() => FreezeState.withPids('process', [...pids, 0])).toThrow(InvalidPidError);
    expect(() => FreezeState.withPids('process', [pids[0] as number, undefined as never])).toThrow(InvalidPidError);
    expect(openPidfds()).toBeLessThanOrEqual(before);
  });

  it.each(notPids)('is no member that unregisterPid could find: %s', (_, value, shown) => {
    const error = errorOf(() => new FreezeState('process').unregisterPid(value as never));
    expect(error).toBeInstanceOf(InvalidPidError);
    expect((error as Error).message).toContain(`unregisterPid: ${shown} is not a pid`);
    expect((error as Error).message).toContain(expected);
  });

  it('does not stop the process of our own pid, nor our group', () => {
    const state = new FreezeState('process');
    for (const pid of [process.pid, 0, -1, 2 ** 32 - 1, -process.pid]) {
      expect(() => state.registerPid(pid)).toThrow(InvalidPidError);
    }
    expect(() => state.freezeAtEpoch(0)).toThrow('no process is registered');
  });
});

describe('an iterable of pids', () => {
  it.each([
    ['a string', '1234', '"1234"'],
    ['a number', 7, '7'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', {}, 'an object'],
    ['a function', () => [], 'a function'],
    ['a bigint', 7n, '7n'],
    ['a symbol', Symbol('pids'), 'Symbol(pids)'],
  ])('is not %s', (_, value, shown) => {
    const error = errorOf(() => FreezeState.withPids('process', value as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect((error as Error).message).toBe(`pids is ${shown}; expected an array, or another iterable, of pids.`);
  });

  it('may throw: its error comes out, it is closed, and nothing is registered', () => {
    const { pid } = sleeper();
    const before = openPidfds();
    const own = new Error('of the iterable');
    function* failing() {
      yield pid;
      throw own;
    }
    expect(errorOf(() => FreezeState.withPids('process', failing()))).toBe(own);

    let isClosed = false;
    function* endless() {
      try {
        for (;;) yield pid * 0;
      } finally {
        isClosed = true;
      }
    }
    expect(() => FreezeState.withPids('process', endless())).toThrow(InvalidPidError);
    expect(isClosed).toBe(true);
    isClosed = false;
    const state = new FreezeState('process');
    expect(errorOf(() => state.registerPids(failing()))).toBe(own);
    expect(() => state.registerPids(endless())).toThrow(InvalidPidError);
    expect(isClosed).toBe(true);
    expect(state.pids).toEqual([]);
    state.close();
    expect(openPidfds()).toBeLessThanOrEqual(before);
  });
});
