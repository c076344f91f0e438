import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { threadLetters } from '../helpers/proc';
import { execer, exitCodeOf, sleeper } from '../helpers/processes';
import { rounds } from '../helpers/rounds';

const execs = rounds({ some: 100, all: 500 });
const times = rounds({ some: 250, all: 1000 });

// In a frozen cgroup no thread stops; the kernel counts them.
it.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
  `a confirmed freeze in mode %s stops all threads of a process, even if one of them calls execve at that moment, ${execs} times`,
  async (mode) => {
    const { pid } = execer(fitFor(mode));
    const state = new FreezeState(mode, pid);
    for (let epoch = 0; epoch < execs; epoch += 1) {
      const { members } = await state.confirmFreezeAtEpoch(epoch);
      expect(members, `at epoch ${epoch}`).toEqual([{ pid, outcome: 'stopped' }]);
      expect(threadLetters(pid), `at epoch ${epoch}`).toMatch(/^T+$/);
      state.unfreeze();
      // It is to get somewhere else each time.
      await new Promise((resolve) => setTimeout(resolve, Math.random()));
    }
    state.close();
  },
  60_000,
);

it.each(signallingModes)(
  `exit codes of children that were frozen, confirmed, thawed and ended are right, ${times} times in mode %s`,
  { timeout: 240_000 },
  async (mode) => {
    const atOnce = 50;
    for (let done = 0; done < times; done += atOnce) {
      const children = Array.from({ length: atOnce }, (_, i) =>
        sleeper({ ...fitFor(mode), exitCode: (done + i) % 256 }),
      );
      const state = FreezeState.withPids(
        mode,
        children.map(({ pid }) => pid),
      );
      expect((await state.confirmFreezeAtEpoch(0)).isFrozen).toBe(true);
      state.unfreeze();
      const codes = await Promise.all(children.map(exitCodeOf));
      expect(codes).toEqual(children.map((__, i) => (done + i) % 256));
      state.close();
    }
  },
);
