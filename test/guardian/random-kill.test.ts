import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { Random } from '../fuzz/random';
import { fitFor, signallingModes } from '../helpers/modes';
import { isStopped, letterOf, running, statField } from '../helpers/proc';
import { sleepers, start, tree } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';
import { rounds } from '../helpers/rounds';
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

/** Does it while the guardians are stopped, which would continue what it is to find stopped. */
async function whileStopped<T>(guardians: readonly number[], work: () => Promise<T>): Promise<T> {
  for (const one of guardians) process.kill(one, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const one of guardians) process.kill(one, 'SIGCONT');
  }
}

/**
 * Kills an emulator that does nothing but freeze and thaw them, in the moment in which it has stopped the given one, and
 * sees that all run once its guardian has ended. Gives whether the kill left any stopped: a thaw may have been quicker.
 */
async function killAmidst(mode: FreezeMode, members: readonly number[], sign: number): Promise<boolean> {
  const program = [join(__dirname, 'fixtures/for-ever.cjs'), mode, ...members.map(String)];
  const child = start(launchProgram, [`open-files=${members.length + 256}`, '--', process.execPath, ...program]);
  await once(child.stdout, 'data');
  const guardians = guardiansOf(child.pid ?? 0);
  const found = await whileStopped(guardians, async () => {
    const exit = once(child, 'exit');
    // Asleep between two looks: on one processor the emulator would not get it meanwhile.
    await until(() => isStopped(sign), `${sign} is stopped`);
    child.kill('SIGKILL');
    await exit;
    return members.some(isStopped);
  });
  // Not at once: a dying thread may send one more stop, which the guardian takes back.
  await until(() => guardians.every((one) => ['', 'Z', 'X'].includes(statField(one, 3))), 'the guardian has ended');
  await running(...members);
  expect(members.map(letterOf)).not.toContain('T');
  return found;
}

const random = new Random(1);

/** Does so until that many kills have left something stopped: the others show little. */
async function killOften(mode: FreezeMode, members: readonly number[], wanted: number): Promise<void> {
  let [found, done] = [0, 0];
  for (; found < wanted && done < 20 * wanted; done += 1) {
    const sign = members[random.below(members.length)] as number;
    if (await killAmidst(mode, members, sign)) found += 1;
  }
  expect(found, `of ${done} kills`).toBe(wanted);
}

const some = rounds({ some: 3, all: 10 });

describe.each(signallingModes)('an emulator that is killed while it freezes and thaws in mode %s', (mode) => {
  it(`leaves nothing stopped, by ${some} kills that found something stopped`, async () => {
    await killOften(
      mode,
      sleepers(8, fitFor(mode)).map(({ pid }) => pid),
      some,
    );
  });
});

/** `npm run kills` sets both, and takes some minutes; without them it is a test for every day. */
const kills = Number(process.env['FREEZE_STATE_KILLS'] ?? 3);
const many = Number(process.env['FREEZE_STATE_KILLS_MEMBERS'] ?? 300);

it.runIf(signallingModes.includes(FreezeMode.Process))(
  `an emulator that is killed amidst a freeze of ${many} members leaves none stopped, by ${kills} kills that found one`,
  async () => {
    const { pids } = await tree(many - 1, 1);
    await killOften(FreezeMode.Process, pids, kills);
  },
  120_000 + kills * 5_000,
);
