import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { openPidfds } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

const notObjects: readonly (readonly [string, unknown, string])[] = [
  ['null', null, 'null'],
  ['a number', 5, '5'],
  ['a string', 'boost', '"boost"'],
  ['an array', [], 'an array'],
  ['a function', () => undefined, 'a function'],
  ['a boolean', true, 'true'],
  ['a bigint', 5n, '5n'],
  ['a symbol', Symbol('options'), 'Symbol(options)'],
];

const notBooleans: readonly (readonly [string, unknown, string])[] = [
  ['null', null, 'null'],
  ['0', 0, '0'],
  ['a string', 'false', '"false"'],
  ['an object', {}, 'an object'],
];

describe('the options of a state', () => {
  it.each(notObjects)('are not %s', (_, value, shown) => {
    for (const operation of [
      () => new FreezeState('none', undefined, value as never),
      () => FreezeState.withPids('none', [], value as never),
    ]) {
      const error = errorOf(operation);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      expect((error as Error).message).toBe(`options is ${shown}; expected an object.`);
    }
  });

  it.each(['boost', 'guardian'])('%s is a boolean', (option) => {
    for (const [, value, shown] of notBooleans) {
      const error = errorOf(() => new FreezeState('none', undefined, { [option]: value }));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(`options.${option} is ${shown}; expected a boolean.`);
    }
    for (const value of [true, false, undefined]) {
      expect(new FreezeState('none', undefined, { [option]: value }).isFrozen).toBe(false);
    }
  });

  it('that are wrong make the constructor throw before it opens the process', () => {
    const { pid } = sleeper();
    const before = openPidfds();
    expect(() => new FreezeState('process', pid, { boost: 1 as never })).toThrow(TypeError);
    expect(() => FreezeState.withPids('process', [pid], { boost: 1 as never })).toThrow(TypeError);
    expect(openPidfds()).toBeLessThanOrEqual(before);
  });

  it('may be an object that Object.freeze has frozen', () => {
    expect(new FreezeState('none', undefined, Object.freeze({ boost: false })).isFrozen).toBe(false);
  });
});

describe('the options of a wait', () => {
  async function rejection(options: unknown): Promise<Error> {
    const state = new FreezeState();
    // It rejects; it never throws.
    const promise = state.waitForStateChange(options as never);
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    return error as Error;
  }

  it.each(notObjects)('are not %s', async (_, value, shown) => {
    const error = await rejection(value);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`options is ${shown}; expected an object.`);
  });

  it.each(notBooleans)('ref is not %s', async (_, value, shown) => {
    const error = await rejection({ ref: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`options.ref is ${shown}; expected a boolean.`);
  });

  it.each([
    ['-1', -1],
    ['NaN', Number.NaN],
    ['2^31', 2 ** 31],
    ['Infinity', Number.POSITIVE_INFINITY],
  ])('timeout is not %s', async (_, value) => {
    const error = await rejection({ timeout: value });
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    const expected = `options.timeout is ${value}; expected milliseconds from 0 to 2^31-1, or none`;
    expect(error.message).toBe(`${expected} to wait for ever.`);
    // A confirmation does not.
    const confirming = new FreezeState().confirmFreezeAtEpoch(0, { timeout: value });
    await expect(confirming).rejects.toThrow(`${expected} for the default.`);
  });

  it.each([
    ['a string', '5', '"5"'],
    ['null', null, 'null'],
    ['a bigint', 5n, '5n'],
    ['an object', {}, 'an object'],
    ['a symbol', Symbol('soon'), 'Symbol(soon)'],
  ])('timeout is not %s', async (_, value, shown) => {
    const error = await rejection({ timeout: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`options.timeout is ${shown}; expected milliseconds.`);
  });

  it.each([
    ['null', null],
    ['an object', {}],
    ['an object that looks like one', { aborted: false, addEventListener: () => undefined }],
    ['a controller', new AbortController()],
    ['a number', 1],
  ])('signal is not %s', async (_, value) => {
    const error = await rejection({ signal: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('options.signal is ');
    expect(error.message).toContain('expected an AbortSignal.');
  });

  it.each([
    ['null', null],
    ['a number', 0],
    ['an epoch', { epoch: 0 }],
    ['a flag', { isFrozen: false }],
    ['a fraction', { epoch: 0.5, isFrozen: false }],
    ['strings', { epoch: '0', isFrozen: 'false' }],
    ['an array', [0, false]],
  ])('since is not %s', async (_, value) => {
    const error = await rejection({ since: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('options.since is ');
  });

  it('that are wrong leave no timer and no wait behind', async () => {
    const state = new FreezeState();
    await expect(state.waitForStateChange({ timeout: 0, ref: 1 as never })).rejects.toBeInstanceOf(TypeError);
    state.unfreeze();
    expect(state.currentEpoch).toBe(1);
  });
});

describe('an option is read once', () => {
  /** An object whose getters answer once, and then something that no call takes. */
  function once(values: Record<string, unknown>): { options: never; reads: Record<string, number> } {
    const reads: Record<string, number> = {};
    const options = {};
    for (const [name, value] of Object.entries(values)) {
      reads[name] = 0;
      Object.defineProperty(options, name, {
        enumerable: true,
        get: () => {
          reads[name] = (reads[name] ?? 0) + 1;
          return reads[name] === 1 ? value : Symbol(name);
        },
      });
    }
    return { options: options as never, reads };
  }

  it.each([
    [
      'new FreezeState',
      { boost: true, guardian: false },
      (options: never) => new FreezeState('none', undefined, options),
    ],
    [
      'new FreezeState of one object',
      { mode: 'none', pids: [], boost: true, guardian: false },
      (options: never) => new FreezeState(options),
    ],
    [
      'waitForStateChange',
      { timeout: 1, ref: false },
      (options: never) => new FreezeState().waitForStateChange(options).catch(() => undefined),
    ],
    [
      'waitForStateChangeSync',
      { timeout: 1, spin: 1 },
      (options: never) => new FreezeState().waitForStateChangeSync(options),
    ],
    ['withPids', { boost: true, guardian: false }, (options: never) => FreezeState.withPids('none', [], options)],
    ['waitForRelease', { timeout: 1, ref: false }, (options: never) => new FreezeState().waitForRelease(options)],
    ['waitForExit', { timeout: 60_000 }, (options: never) => FreezeState.waitForExit([], options)],
    ['changes', { ref: false }, (options: never) => new FreezeState().changes(options)],
    ['confirmFreezeAtEpoch', { timeout: 1 }, (options: never) => new FreezeState().confirmFreezeAtEpoch(0, options)],
  ] as const)('by %s', async (_, values, call) => {
    const { options, reads } = once(values);
    await call(options);
    expect(reads).toEqual(Object.fromEntries(Object.keys(values).map((name) => [name, 1])));
  });

  it('each property of the snapshot in `since` is read once, too', () => {
    const { options: since, reads } = once({ epoch: 0, isFrozen: false });
    expect(new FreezeState().waitForStateChangeSync({ since, timeout: 0 })).toBeUndefined();
    expect(reads).toEqual({ epoch: 1, isFrozen: 1 });
  });
});
