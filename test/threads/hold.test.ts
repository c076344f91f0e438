import { constants } from 'node:os';
import { FreezeClosedError, FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { running, stopped } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { Thread } from './threads';

describe('hold', () => {
  it('thaws, moves to the next epoch and ends the waits', async () => {
    const { pid } = sleeper();
    const state = new FreezeState(FreezeMode.Process, pid);
    state.freezeAtEpoch(0);
    await stopped(pid);
    const change = state.waitForStateChange();
    const hold = state.hold();
    await running(pid);
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
    hold.release();
  });

  it('makes every freeze answer false until it is released', async () => {
    const { pid } = sleeper();
    const state = new FreezeState(FreezeMode.Process, pid);
    const hold = state.hold();
    expect(hold.isReleased).toBe(false);
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    state.unfreeze();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    await running(pid);
    hold.release();
    expect(hold.isReleased).toBe(true);
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
    await stopped(pid);
  });

  it('may be taken several times: the last one counts', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const holds = [state.hold(), state.hold(), state.hold()];
    for (const hold of holds) {
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
      hold.release();
    }
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  });

  it('is released once, however often release is called', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const [first, second] = [state.hold(), state.hold()];
    first.release();
    first.release();
    first[Symbol.dispose]();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    second.release();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  });

  it('ends with its using block, also where that throws', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const during: boolean[] = [];
    expect(() => {
      using hold = state.hold();
      during.push(hold.isReleased, state.freezeAtEpoch(state.currentEpoch));
      throw new Error('on purpose');
    }).toThrow('on purpose');
    expect(during).toEqual([false, false]);
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  });

  it('may be released after the state was closed, and cannot be taken then', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const hold = state.hold();
    state.close();
    expect(hold.isReleased).toBe(false);
    hold.release();
    expect(hold.isReleased).toBe(true);
    expect(() => state.hold()).toThrow(FreezeClosedError);
  });

  it('works in mode none', () => {
    const state = new FreezeState();
    const hold = state.hold();
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    hold.release();
  });

  it('makes a freeze answer false even without members, and throw for a value that is no epoch', () => {
    const state = new FreezeState(FreezeMode.Process);
    using _ = state.hold();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    expect(() => state.freezeAtEpoch(-1)).toThrow(RangeError);
  });

  it.each<[string, () => () => void]>([
    [
      'prepareStackTrace throws',
      () => {
        Error.prepareStackTrace = () => {
          throw new Error('no stack today');
        };
        return () => {
          Reflect.deleteProperty(Error, 'prepareStackTrace');
        };
      },
    ],
    [
      'stacks are switched off',
      () => {
        const { stackTraceLimit } = Error;
        Error.stackTraceLimit = 0;
        return () => {
          Error.stackTraceLimit = stackTraceLimit;
        };
      },
    ],
    [
      'stackTraceLimit cannot be set',
      () => {
        const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor;
        Object.defineProperty(Error, 'stackTraceLimit', { ...before, writable: false });
        return () => {
          Object.defineProperty(Error, 'stackTraceLimit', before);
        };
      },
    ],
  ])('is taken and released all the same where %s', (_, spoil) => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const mend = spoil();
    try {
      const hold = state.hold();
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
      hold.release();
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
    } finally {
      mend();
    }
  });

  it('leaves Error.stackTraceLimit as it was', () => {
    const { stackTraceLimit } = Error;
    new FreezeState().hold().release();
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });

  it('has nothing that can be set or listed', () => {
    using hold = new FreezeState().hold();
    expect(Reflect.ownKeys(hold)).toEqual([]);
    expect(() => {
      (hold as { isReleased: boolean }).isReleased = true;
    }).toThrow(TypeError);
  });

  it('throws where its thaw fails, and holds nothing', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      ({ FreezeState, failure, stoppedNow }, member) => {
        const state = new FreezeState('process', member);
        state.freezeAtEpoch(0);
        stoppedNow(member);
        const { name, code, message, pid } = failure(() => state.hold());
        const after = state.snapshot();
        // A freeze that answers true: nothing holds.
        const frozen = state.freezeAtEpoch(after.epoch);
        return { name, code, message, pid, after, frozen };
      },
      [pid],
      { launch: [`refuse=${constants.signals.SIGCONT}:${constants.errno.EPERM}`] },
    );
    expect(result).toMatchObject({
      name: 'PermissionDeniedError',
      code: 'ERR_FREEZE_PERMISSION_DENIED',
      pid,
      after: { epoch: 1, isFrozen: false },
      frozen: true,
    });
    expect(result.message).toContain('nothing is held');
  });
});

describe('a hold in another thread', () => {
  it('thaws, and makes every freeze in any thread answer false', async () => {
    const { pid } = sleeper();
    const state = new FreezeState(FreezeMode.Process, pid);
    const [one, two] = await Promise.all([Thread.start(state.share()), Thread.start(state.share())]);
    state.freezeAtEpoch(0);
    await stopped(pid);
    await one.run((tools) => {
      tools.kept['hold'] = tools.state.hold();
    });
    await running(pid);
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    for (const thread of [one, two]) {
      expect(await thread.run((tools) => tools.state.freezeAtEpoch(tools.state.currentEpoch))).toBe(false);
    }
    await one.run((tools) => (tools.kept['hold'] as Disposable)[Symbol.dispose]());
    expect(await two.run((tools) => tools.state.freezeAtEpoch(tools.state.currentEpoch))).toBe(true);
  });

  it.each(['main', 'worker'])(
    'with a hold of this thread: freezes succeed once both are released, that of the %s last',
    async (last) => {
      const state = new FreezeState(FreezeMode.Process, sleeper().pid);
      const thread = await Thread.start(state.share());
      const mine = state.hold();
      await thread.run((tools) => {
        tools.kept['hold'] = tools.state.hold();
      });
      const release = {
        main: () => mine.release(),
        worker: () => thread.run((tools) => (tools.kept['hold'] as Disposable)[Symbol.dispose]()),
      };
      await (last === 'main' ? release.worker() : release.main());
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
      await (last === 'main' ? release.main() : release.worker());
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
    },
  );

  it('in the same thread through another object counts as well', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const same = FreezeState.attach(state.share());
    const hold = same.hold();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    hold.release();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  });

  it.each<[string, (thread: Thread) => Promise<unknown>]>([
    ['naturally', (thread) => thread.run(() => process.getBuiltinModule('node:worker_threads').parentPort?.unref())],
    ['by process.exit', (thread) => thread.run(() => process.exit(3)).catch(() => undefined)],
    ['by terminate', (thread) => thread.worker.terminate()],
    [
      'by an error',
      (thread) =>
        expect(
          thread.run(() => {
            setImmediate(() => {
              throw new Error('on purpose');
            });
            // No answer: it comes by another port than the error, and either may be the first.
            return new Promise(() => undefined);
          }),
        ).rejects.toThrow('on purpose'),
    ],
  ])('is released when its thread ends %s', async (_, end) => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    await thread.run((tools) => {
      tools.kept['holds'] = [tools.state.hold(), tools.state.hold(), tools.state.hold()];
    });
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
    await end(thread);
    await thread.exit;
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  });

  it('that was released already is not released again by the end of its thread', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    await thread.run((tools) => tools.state.hold().release());
    using _ = state.hold();
    await thread.worker.terminate();
    expect(state.freezeAtEpoch(state.currentEpoch)).toBe(false);
  });
});
