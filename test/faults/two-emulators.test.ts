import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { afterAll, describe, expect, it } from 'vitest';
import { cgroup, madeUnder, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { type Failure, type Tools, valueInNode } from '../helpers/node';
import { cgroupOf, running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { sideEffectLibrary } from '../helpers/programs';

const directory = mkdtempSync(join(tmpdir(), 'freeze-state-two-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Round {
  readonly registered: Failure;
  readonly frozen: Failure;
  readonly again: Failure;
  readonly closed: Failure;
  /** The groups under the parent when both have closed. */
  readonly left: readonly string[];
  readonly letter: string;
}

/** One of two emulators that do the same at the same moment: runs in a child; see valueInNode. */
function contend(
  { FreezeState: State, failure, letterOf }: Tools,
  [own, other]: readonly string[],
  rounds: number,
  parent: string,
  pid: number,
): Round[] {
  const { existsSync, readdirSync, writeFileSync } = process.getBuiltinModule('node:fs');
  let meetings = 0;
  const meet = (): void => {
    meetings += 1;
    writeFileSync(`${own}-${meetings}`, '');
    const end = Date.now() + 60_000;
    while (!existsSync(`${other}-${meetings}`)) if (Date.now() > end) throw new Error('the other emulator is gone');
  };
  return Array.from({ length: rounds }, () => {
    const state = new State('cgroup', undefined, { cgroup: { parent } });
    meet();
    const registered = failure(() => state.registerPid(pid));
    meet();
    const frozen = failure(() => state.freezeAtEpoch(0));
    // While the owner is frozen, unless it has thawed in the meantime.
    const again = failure(() => state.registerPid(pid));
    state.unfreeze();
    meet();
    const closed = failure(() => state.close());
    meet();
    const left = readdirSync(parent).filter((name) => name.startsWith('freeze-state-'));
    const letter = letterOf(pid);
    meet();
    return { registered, frozen, again, closed, left, letter };
  });
}

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('two emulators with a state in mode cgroup each', () => {
  it('that register and freeze one process at the same moment: one has it, the other gets an error, and in the end it runs', async () => {
    const parent = cgroup();
    const home = cgroup();
    const { pid } = sleeper();
    write(home, 'cgroup.procs', pid);
    const names = ['one', 'other'].map((name) => join(directory, name));
    const both = await Promise.all(
      [names, [...names].reverse()].map((own) => valueInNode(contend, [own, 8, parent, pid])),
    );
    const told = ['ERR_FREEZE_CGROUP', 'ERR_FREEZE_NO_PID', 'ERR_FREEZE_MULTIPLE'];
    for (const { registered, frozen, again, closed, left, letter } of both.flat()) {
      for (const { code } of [registered, frozen, again]) expect([undefined, ...told]).toContain(code);
      expect(closed).toEqual({});
      expect(left).toEqual([]);
      expect(letter).toMatch(/[RSD]/);
    }
    expect(both.flat().filter(({ registered }) => registered.code === undefined).length).toBeGreaterThanOrEqual(8);
    expect([home, parent]).toContain(cgroupOf(pid));
    await running(pid);
  });

  it('of which one moves the process back into the group that the other is removing: it is moved out, and the group is removed', async () => {
    const parent = cgroup();
    const { pid } = sleeper();
    const closed = await valueInNode(
      ({ FreezeState: State, failure }, under) => {
        const state = new State('cgroup', undefined, { cgroup: { parent: under } });
        return failure(() => state.close());
      },
      [parent],
      {
        under: [
          'env',
          `LD_PRELOAD=${sideEffectLibrary}`,
          'FREEZE_TEST_SIDE_EFFECT=return',
          `FREEZE_TEST_RETURNED=${pid}`,
        ],
      },
    );
    expect(closed).toEqual({});
    expect(madeUnder(parent)).toEqual([]);
    expect(cgroupOf(pid)).toBe(parent);
    await running(pid);
  });
});
