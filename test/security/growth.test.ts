import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { statField } from '../helpers/proc';
import { family } from '../helpers/processes';
import { until } from '../helpers/until';

describe('a fork bomb', () => {
  const count = 60;
  /** All that it started are in its group; it exits with none of them. */
  const lettersOf = (pids: ReadonlySet<number>): string => [...pids].map((pid) => statField(pid, 3)).join('');

  it('is stopped as a whole while it grows, and grows on when it is thawed', async () => {
    const { pid, child } = await family(['bomb', String(count)], 0);
    const state = new FreezeState(FreezeMode.ProcessTree, pid);
    const seen = new Set([pid]);
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      for (const line of printed.split('\n').slice(0, -1)) seen.add(Number(line));
    });
    const sizes: number[] = [];
    await until(() => {
      expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
      const covered = state.inspect();
      for (const one of covered) seen.add(one.pid);
      // None that ever was seen runs, so nothing has escaped.
      expect(lettersOf(seen)).toMatch(/^T+$/);
      expect(state.inspect()).toHaveLength(covered.length);
      sizes.push(covered.length);
      state.unfreeze();
      return covered.length === count + 1;
    }, `the bomb has ${count} children`);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
    state.close();
    await until(() => !lettersOf(seen).includes('T'), 'all of it runs');
  });
});

describe('a process that starts and ends threads as fast as it can', () => {
  it.each(signallingModes)('is confirmed, and stays stopped, in mode %s', async (mode) => {
    const { pid } = await family(['churn', '4'], 1);
    const state = new FreezeState(mode, pid);
    for (let epoch = 0; epoch < 10; epoch += 1) {
      const { isFrozen } = await state.confirmFreezeAtEpoch(epoch, { timeout: 30_000 });
      expect(isFrozen).toBe(true);
      const threads = statField(pid, 20);
      expect(state.inspect()[0]?.state).toBe('stopped');
      expect(statField(pid, 20)).toBe(threads);
      state.unfreeze();
    }
    state.close();
  });
});
