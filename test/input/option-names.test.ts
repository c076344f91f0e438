import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { impossiblePid } from '../helpers/processes';

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
  waitForStateChangeSync: [(options) => new FreezeState().waitForStateChangeSync(options), 'since, timeout and spin'],
  waitForRelease: [(options) => new FreezeState().waitForRelease(options), 'timeout, signal and ref'],
  changes: [(options) => new FreezeState().changes(options), 'signal and ref'],
  registerPid: [(options) => new FreezeState().registerPid(impossiblePid, options), 'joins'],
  waitForExit: [(options) => FreezeState.waitForExit([], options), 'timeout and signal'],
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

  it('is reported with its path inside of options.cgroup', () => {
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
