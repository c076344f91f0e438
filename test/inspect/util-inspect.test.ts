import { inspect } from 'node:util';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { sleeper, sleepers } from '../helpers/processes';

describe('util.inspect', () => {
  it('shows what the Debug output of the crate shows', () => {
    const pids = sleepers(2).map(({ pid }) => pid);
    const state = FreezeState.withPids('process', pids);
    expect(inspect(state)).toBe(
      [
        'FreezeState {',
        "  mode: 'process',",
        `  pids: [ ${pids.join(', ')} ],`,
        '  isFrozen: false,',
        '  currentEpoch: 0',
        '}',
      ].join('\n'),
    );
  });

  it('shows the state as it is now', () => {
    const state = new FreezeState('process', sleeper().pid);
    state.unfreeze();
    state.freezeAtEpoch(1);
    expect(inspect(state, { breakLength: Number.POSITIVE_INFINITY, compact: true })).toBe(
      `FreezeState { mode: 'process', pids: [ ${state.pid} ], isFrozen: true, currentEpoch: 1 }`,
    );
  });

  it('shows a state inside other things', () => {
    const state = new FreezeState();
    const text = inspect({ of: { state } }, { breakLength: Number.POSITIVE_INFINITY });
    expect(text).toContain("FreezeState { mode: 'none', pids: [], isFrozen: false, currentEpoch: 0 }");
  });

  it('shows only the name below the depth that was asked for', () => {
    const state = new FreezeState();
    expect(inspect({ of: { a: { b: { state } } } })).toContain('[Object]');
    expect(inspect({ of: { a: { state } } })).toContain('state: [FreezeState]');
    expect(inspect({ of: { a: { state } } }, { depth: null })).toContain("mode: 'none'");
  });

  it('shows a closed state', () => {
    const state = new FreezeState('process', sleeper().pid);
    state.close();
    expect(inspect(state)).toBe("FreezeState { mode: 'process', closed: true }");
  });

  it('of what only looks like a state does not throw', () => {
    const state = new FreezeState('process', sleeper().pid);
    const stub = Object.create(FreezeState.prototype) as object;
    for (const alike of [Object.create(state) as object, stub]) {
      expect(inspect(alike)).toBe('[FreezeState without a state]');
    }
    expect(() => inspect(new Proxy(state, {}))).not.toThrow();
    expect(() => inspect(new Proxy(state, {}), { showProxy: true })).not.toThrow();
  });

  it('can be asked for without util.inspect, with whatever it is given', () => {
    const show = new FreezeState()[inspect.custom] as (this: FreezeState, ...args: unknown[]) => string;
    for (const args of [[], [Symbol('depth')], [null, null], [{}, Symbol('options')], [0n, 'options'], [2, () => 0]]) {
      expect(show.call(new FreezeState(), ...args)).toContain("FreezeState { mode: 'none'");
    }
    expect(show.call(new FreezeState(), -1)).toBe('[FreezeState]');
  });

  it('takes colors from its caller', () => {
    expect(inspect(new FreezeState(), { colors: true })).toContain('\u001b[32m');
  });
});

describe('the object itself', () => {
  it('has no property of its own, so nothing of it can be set or listed', () => {
    const state = new FreezeState();
    expect(Reflect.ownKeys(state)).toEqual([]);
    expect(JSON.stringify(state)).toBe('{}');
    expect(() => {
      (state as { mode: string }).mode = 'process';
    }).toThrow(TypeError);
  });
});
