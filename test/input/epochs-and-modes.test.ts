import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { fitFor, signallingModes } from '../helpers/modes';
import { letterOf } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { notEpochs } from '../helpers/values';

describe.each([FreezeMode.None, ...signallingModes])('freezeAtEpoch in mode %s', (mode) => {
  it.each(notEpochs)('refuses %s', (_, value, shown) => {
    const { pid } = sleeper(fitFor(mode));
    const state = new FreezeState(mode, pid);
    const error = errorOf(() => state.freezeAtEpoch(value as never));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect((error as Error).message).toBe(
      `${shown} is not an epoch; expected an integer from 0 to 2^53-1, as currentEpoch gives.`,
    );
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
    expect(letterOf(pid)).not.toBe('T');
  });

  it('refuses a missing epoch', () => {
    const state = new FreezeState(mode);
    const withoutArgument = state.freezeAtEpoch as unknown as () => boolean;
    expect(errorOf(() => withoutArgument.call(state))).toBeInstanceOf(RangeError);
  });
});

it('-0 and 2^53-1 are epochs', () => {
  const state = new FreezeState('process', sleeper().pid);
  expect(state.freezeAtEpoch(2 ** 53 - 1)).toBe(false);
  expect(state.freezeAtEpoch(-0)).toBe(true);
});

describe('a mode', () => {
  it.each([
    ['an unknown string', 'cgroup of none', '"cgroup of none"'],
    ['another case', 'Process', '"Process"'],
    ['a property of every object', 'toString', '"toString"'],
    ['a key instead of its value', 'None', '"None"'],
    ['null', null, 'null'],
    ['a number', 0, '0'],
    ['an array', ['none'], 'an array'],
    ['a symbol', Symbol('none'), 'Symbol(none)'],
    ['a bigint', 0n, '0n'],
  ])('is not %s', (_, value, shown) => {
    const operations = [
      () => new FreezeState(value as never),
      () => FreezeState.withPids(value as never, []),
      () => new FreezeState(value as never, 0 as never),
    ];
    for (const operation of operations) {
      const error = errorOf(operation);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
      expect((error as Error).message).toBe(
        `${shown} is not a mode; expected one of "none", "process", "process-group", "process-tree", "cgroup".`,
      );
    }
  });

  it.each([{}, Object('none')])('of withPids is not an object', (value) => {
    const error = errorOf(() => FreezeState.withPids(value as never, []));
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^an object is not a mode/),
    });
  });

  it('is needed by withPids', () => {
    expect(errorOf(() => FreezeState.withPids(undefined as never, []))).toBeInstanceOf(TypeError);
  });
});
