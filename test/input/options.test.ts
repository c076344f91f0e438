import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { openPidfds } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

function errorOf(operation: () => unknown): unknown {
  try {
    operation();
  } catch (error) {
    return error;
  }
  throw new Error('It did not throw.');
}

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

  it('that are wrong take no process', () => {
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

/** Each call that takes options, given them, and the names that it takes. It throws, or rejects. */
const calls: Record<string, [call: (options: never) => unknown, names: string]> = {
  'new FreezeState': [
    (options) => new FreezeState('none', undefined, options),
    'boost, guardian, onParentDeath, mark and cgroup',
  ],
  'new FreezeState of one object': [
    (options) => new FreezeState(options),
    'mode, pids, boost, guardian, onParentDeath, mark and cgroup',
  ],
  withPids: [(options) => FreezeState.withPids('none', [], options), 'boost, guardian, onParentDeath, mark and cgroup'],
  confirmFreezeAtEpoch: [(options) => new FreezeState().confirmFreezeAtEpoch(0, options), 'timeout and signal'],
  waitForStateChange: [(options) => new FreezeState().waitForStateChange(options), 'since, timeout, signal and ref'],
  waitForStateChangeSync: [(options) => new FreezeState().waitForStateChangeSync(options), 'since and timeout'],
  waitForRelease: [(options) => new FreezeState().waitForRelease(options), 'timeout, signal and ref'],
  changes: [(options) => new FreezeState().changes(options), 'signal and ref'],
};

describe.each(Object.entries(calls))('an option that %s does not take', (_, [call, names]) => {
  const outcome = async (options: unknown): Promise<unknown> => {
    try {
      return await call(options as never);
    } catch (error) {
      return error;
    }
  };

  it('is named, with those that it takes', async () => {
    const error = await outcome({ zzz: 0 });
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: `options.zzz is not for this call; it takes ${names}.`,
    });
  });

  it.each(names.split(/, | and /))('is taken for a misspelling of %s', async (name) => {
    for (const wrong of [`${name}s`, name.slice(1), name.toUpperCase(), `${name.slice(0, 2)}_${name.slice(2)}`]) {
      const error = await outcome({ [wrong]: null });
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toBe(
        `options.${wrong} is not for this call; it takes ${names}. Did you mean ${name}?`,
      );
    }
  });

  it('does not count where it is inherited, a symbol, not enumerable, or undefined', async () => {
    const options = Object.assign(Object.create({ zzz: 1 }), { timeout: 0, [Symbol('zzz')]: 1, zzz: undefined });
    if (!names.includes('timeout')) options.timeout = undefined;
    Object.defineProperty(options, 'zz', { value: 1 });
    expect(await outcome(options)).not.toBeInstanceOf(TypeError);
  });
});

describe('a name that is no option', () => {
  const messageOf = (options: unknown) =>
    (errorOf(() => new FreezeState('cgroup', undefined, options as never)) as Error).message;

  it.each([
    ['boots', 'boost'],
    ['bost', 'boost'],
    ['gardian', 'guardian'],
    ['group', 'cgroup'],
  ])('%s is taken for %s', (wrong, right) => {
    expect(messageOf({ [wrong]: true })).toMatch(
      new RegExp(`^options\\.${wrong} is not for.*Did you mean ${right}\\?$`),
    );
  });

  it('of the cgroup is named too', () => {
    expect(messageOf({ cgroup: { parnet: '/' } })).toBe(
      'options.cgroup.parnet is not for this call; it takes path and parent. Did you mean parent?',
    );
  });

  it.each([
    ['a line break', 'a line\nbreak', 'options["a line\\nbreak"]'],
    ['no letter', '', 'options[""]'],
    ['a million letters', 'x'.repeat(1e6), `options["${'x'.repeat(40)}…"]`],
    ['a digit', '0', 'options.0'],
    ['__proto__', '__proto__', 'options.__proto__'],
  ])('is shown on one line, and short: %s', (_, wrong, shown) => {
    const message = messageOf(Object.defineProperty({}, wrong, { value: 1, enumerable: true }));
    expect(message).toBe(`${shown} is not for this call; it takes boost, guardian, onParentDeath, mark and cgroup.`);
  });
});

describe('the constructor with one object', () => {
  it('takes mode, pids and options from it', () => {
    const pids = [sleeper().pid, sleeper().pid];
    const state = new FreezeState({ mode: 'process', pids: new Set(pids), boost: false });
    expect({ mode: state.mode, pids: state.pids }).toEqual({ mode: 'process', pids });
    expect(state.freezeAtEpoch(0)).toBe(true);
    state.close();
    expect(new FreezeState({}).mode).toBe('none');
    expect(new FreezeState({ pids: [] }).pids).toEqual([]);
  });

  it('registers all or none', () => {
    const before = openPidfds();
    const pids = [sleeper().pid, process.pid];
    expect(errorOf(() => new FreezeState({ mode: 'process', pids }))).toMatchObject({ code: 'ERR_FREEZE_INVALID_PID' });
    expect(openPidfds()).toEqual(before);
  });

  it('refuses a mode and pids of the wrong type, and says what it takes', () => {
    expect(errorOf(() => new FreezeState({ mode: 'tree' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('"tree" is not a mode'),
    });
    expect(errorOf(() => new FreezeState({ pids: 7 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringContaining('pids is 7'),
    });
  });

  it('refuses arguments behind it, which would be passed over', () => {
    for (const more of [[7], [undefined, { boost: false }], [undefined, null]]) {
      const Loose = FreezeState as new (...args: unknown[]) => FreezeState;
      expect(errorOf(() => new Loose({ mode: 'process' }, ...more))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('expected all in the one'),
      });
    }
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
    ['waitForStateChangeSync', { timeout: 1 }, (options: never) => new FreezeState().waitForStateChangeSync(options)],
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
