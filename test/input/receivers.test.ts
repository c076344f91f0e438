import { inspect } from 'node:util';
import { FreezeClosedError, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { sleeper } from '../helpers/processes';

type Member = [name: PropertyKey, call: (receiver: unknown) => unknown];

/** Every method and getter, as something to call on any receiver; a promise's rejection is thrown. */
function members(): Member[] {
  const result: Member[] = [];
  const properties = Object.getOwnPropertyDescriptors(FreezeState.prototype) as Record<PropertyKey, PropertyDescriptor>;
  for (const name of Reflect.ownKeys(properties)) {
    if (name === 'constructor') continue;
    const { get, value } = properties[name] as PropertyDescriptor;
    const member = (get ?? value) as (...args: unknown[]) => unknown;
    result.push([name, (receiver) => member.apply(receiver, argumentsOf(name))]);
  }
  return result;
}

function argumentsOf(name: PropertyKey): unknown[] {
  if (name === 'freezeAtEpoch' || name === 'confirmFreezeAtEpoch') return [0];
  if (name === 'registerPid' || name === 'unregisterPid') return [2];
  if (name === 'registerPids') return [[2]];
  if (name === inspect.custom) return [2, {}];
  return [];
}

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

it('the interface has these methods and getters', () => {
  expect(members().map(([name]) => String(name))).toEqual([
    'mode',
    'pid',
    'pids',
    'pidCount',
    'cgroup',
    'isFrozen',
    'currentEpoch',
    'snapshot',
    'registerPid',
    'registerPids',
    'unregisterPid',
    'freezeAtEpoch',
    'confirmFreezeAtEpoch',
    'inspect',
    'unfreeze',
    'forceUnfreeze',
    'waitForStateChange',
    'waitForStateChangeSync',
    'changes',
    'hold',
    'holdCount',
    'waitForRelease',
    'share',
    'close',
    String(Symbol.dispose),
    String(inspect.custom),
  ]);
});

describe.each(members())('%s', (name, call) => {
  it('refuses a receiver that is no state', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const receivers = [
      undefined,
      null,
      {},
      [],
      7,
      'state',
      () => undefined,
      new (class Another {})(),
      FreezeState,
      FreezeState.prototype,
      Object.create(FreezeState.prototype),
      Object.create(state),
      Object.setPrototypeOf({}, FreezeState.prototype),
      new Proxy(state, {}),
      structuredClone(state),
    ];
    for (const receiver of receivers) {
      const error = await outcome(() => call(receiver));
      // console.log must not throw.
      if (name === inspect.custom) {
        expect(error).toBe('[FreezeState without a state]');
        continue;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'ERR_INVALID_THIS' });
    }
    // None of this has touched the state that was there.
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
    expect(state.pidCount).toBe(1);
  });

  it('says that the state is closed', async () => {
    const state = new FreezeState('process', sleeper().pid);
    state.close();
    const result = await outcome(() => call(state));
    if (name === 'close' || name === Symbol.dispose) expect(result).toBeUndefined();
    else if (name === inspect.custom) expect(result).toContain('closed: true');
    else {
      expect(result).toBeInstanceOf(FreezeClosedError);
      expect(result).toMatchObject({ code: 'ERR_FREEZE_CLOSED' });
    }
  });

  it('says that the state is closed in mode none, too', async () => {
    const state = new FreezeState();
    state.close();
    const result = await outcome(() => call(state));
    if (name === 'close' || name === Symbol.dispose || name === inspect.custom) return;
    expect(result).toBeInstanceOf(FreezeClosedError);
  });
});

it('a state cannot be cloned into another realm or revived from one', () => {
  const copy: unknown = structuredClone(new FreezeState());
  expect(copy).not.toBeInstanceOf(FreezeState);
});

it('a static member needs no receiver', () => {
  const { withPids } = FreezeState;
  expect(withPids('none', []).pidCount).toBe(0);
});
