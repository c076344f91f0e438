import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { family } from '../helpers/processes';

// The kernel freezes a cgroup with all threads in it; they need not be probed.
it.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
  'a confirmation of a process with 1,000 threads takes a few times as long as one probe of all of them, in mode %s',
  async (mode) => {
    const { pid } = await family(['threads', '1000'], 1);
    const state = new FreezeState(mode, pid);
    const ratios: number[] = [];
    for (let epoch = 0; epoch < 5; epoch += 1) {
      const begin = performance.now();
      const { isFrozen } = await state.confirmFreezeAtEpoch(epoch, { timeout: 20_000 });
      const confirmed = performance.now();
      expect(isFrozen).toBe(true);
      const [member] = state.inspect();
      expect(member?.state).toBe('stopped');
      ratios.push((confirmed - begin) / (performance.now() - confirmed));
      state.unfreeze();
    }
    // The best of them, since other work may hold up either; two to six of them here. To sleep after each slice of a
    // probe takes some fifty.
    expect(Math.min(...ratios)).toBeLessThan(15);
    state.close();
  },
  60_000,
);
