import { readFileSync } from 'node:fs';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { stopped } from '../helpers/proc';
import { canBecomeNobody, nobody, sleepers } from '../helpers/processes';

/** Of the calling thread; proc_pid_stat(5), field 41. */
function policy(): string | undefined {
  const text = readFileSync('/proc/thread-self/stat', 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[41 - 3];
}

describe.each([true, false])('with boost: %s', (boost) => {
  it('freezing and thawing leave the scheduling policy of the thread as it was', async () => {
    const before = policy();
    const pids = sleepers(16).map(({ pid }) => pid);
    const state = FreezeState.withPids('process', pids, { boost });
    state.freezeAtEpoch(0);
    expect(policy()).toBe(before);
    await stopped(...pids);
    state.unfreeze();
    expect(policy()).toBe(before);
    state.forceUnfreeze();
    state.close();
    expect(policy()).toBe(before);
  });

  it('a freeze that fails leaves the scheduling policy of the thread as it was', () => {
    const before = policy();
    const state = FreezeState.withPids('process', [2 ** 31 - 1, 2 ** 31 - 2], { boost });
    expect(() => state.freezeAtEpoch(0)).toThrow();
    expect(policy()).toBe(before);
  });
});

it('asking for the capabilities leaves the policy as it was', () => {
  const before = policy();
  expect(FreezeState.capabilities.boost).toBeTypeOf('boolean');
  expect(policy()).toBe(before);
});

describe('a thread in the batch class', () => {
  it('goes back to it', async () => {
    const batch = '3';
    const pids = sleepers(16).map(({ pid }) => pid);
    const result = await valueInNode(
      ({ FreezeState: State }, members) => {
        const { readFileSync: read } = process.getBuiltinModule('node:fs');
        const now = () => {
          const text = read('/proc/thread-self/stat', 'latin1');
          return text.slice(text.lastIndexOf(')') + 2).split(' ')[41 - 3];
        };
        const state = State.withPids('process', members);
        const policies = [now()];
        state.freezeAtEpoch(0);
        policies.push(now());
        state.unfreeze();
        return [...policies, now()];
      },
      [pids],
      { under: ['chrt', '--batch', '0'] },
    );
    expect(result).toEqual([batch, batch, batch]);
  });
});

describe.runIf(canBecomeNobody)('a user who may not enter a real-time class', () => {
  it('is told so, and freezes all the same', async () => {
    const pids = sleepers(16, { user: nobody }).map(({ pid }) => pid);
    const result = await valueInNode(
      ({ FreezeState: State, stoppedNow, runningNow }, members) => {
        const { boost } = State.capabilities;
        const state = State.withPids('process', members, { boost: true });
        const froze = state.freezeAtEpoch(0);
        stoppedNow(...members);
        state.unfreeze();
        runningNow(...members);
        return { boost, froze };
      },
      [pids],
      { launch: [`user=${nobody}`] },
    );
    expect(result).toEqual({ boost: false, froze: true });
  });
});
