import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { Random } from '../fuzz/random';
import { fitFor, signallingModes } from '../helpers/modes';
import { letterOf, running, statField } from '../helpers/proc';
import { sleepers, start, tree } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';
import { until } from '../helpers/until';

/** The pids of all guardians of a process. */
function guardiansOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((one) => {
      try {
        return readFileSync(`/proc/${one}/cmdline`, 'latin1') === `freeze-state-guardian\0${pid}\0`;
      } catch {
        return false;
      }
    });
}

/** Kills an emulator that does nothing but freeze and thaw them, after so long, and sees that they run once its guardian has ended. */
async function killAmidst(mode: FreezeMode, members: readonly number[], wait: () => Promise<unknown>): Promise<void> {
  const program = [join(__dirname, 'fixtures/for-ever.cjs'), mode, ...members.map(String)];
  const child = start(launchProgram, [`open-files=${members.length + 256}`, '--', process.execPath, ...program]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await wait();
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
  // Not at once: a dying thread may send one more stop, which the guardian takes back.
  const guardians = guardiansOf(child.pid ?? 0);
  await until(() => guardians.every((one) => ['', 'Z', 'X'].includes(statField(one, 3))), 'the guardian has ended');
  await running(...members);
  expect(members.map(letterOf)).not.toContain('T');
}

describe.each(signallingModes)(
  'an emulator that is killed at random while it freezes and thaws in mode %s',
  (mode: FreezeMode) => {
    it('leaves nothing stopped, thirty times over', async () => {
      const members = sleepers(8, fitFor(mode)).map(({ pid }) => pid);
      for (let round = 0; round < 30; round += 1) {
        // After its first freeze: 0 to 20 ms. The wait stands for no condition.
        await killAmidst(mode, members, () => sleep((round * 7) % 20));
      }
    });
  },
);

/** FREEZE_STATE_KILLS=200 takes a thousand members and some minutes; by itself it is a test for every day. */
const kills = Number(process.env['FREEZE_STATE_KILLS'] ?? 3);
const many = process.env['FREEZE_STATE_KILLS'] === undefined ? 300 : 1000;

it.runIf(signallingModes.includes(FreezeMode.Process))(
  `an emulator that is killed amidst a freeze of ${many} members leaves none stopped`,
  async () => {
    const { pids } = await tree(many - 1, 1);
    const random = new Random(1);
    for (let round = 0; round < kills; round += 1) {
      // A freeze of so many, and its thaw, take some milliseconds each. The wait stands for no condition.
      await killAmidst(FreezeMode.Process, pids, () => sleep(random.below(20)));
    }
  },
  120_000 + kills * 5_000,
);
