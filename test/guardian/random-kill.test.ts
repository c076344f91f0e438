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

interface Kill {
  readonly mode: FreezeMode;
  readonly members: readonly number[];
  /** All that a freeze of them stops; the members if not given. */
  readonly covered?: readonly number[];
  /** The guardian does its work while the threads of the emulator die, and nobody looks what the kill left stopped. */
  readonly isLive?: boolean;
}

/**
 * Kills an emulator that does nothing but freeze and thaw them, in the moment in which it has stopped one of them, and
 * sees that all run once its guardian has ended. Gives how many the kill left stopped: a thaw may have been quicker.
 */
async function killAmidst({ mode, members, covered = members, isLive = false }: Kill): Promise<number> {
  const sign = covered[random.below(covered.length)] as number;
  const program = [join(__dirname, 'fixtures/for-ever.cjs'), mode, ...members.map(String)];
  const child = start(launchProgram, [`open-files=${members.length + 256}`, '--', process.execPath, ...program]);
  await once(child.stdout, 'data');
  const guardians = guardiansOf(child.pid ?? 0);
  const found = await whileStopped(isLive ? [] : guardians, async () => {
    const exit = once(child, 'exit');
    // Asleep between two looks: on one processor the emulator would not get it meanwhile.
    await until(() => isStopped(sign), `${sign} is stopped`);
    child.kill('SIGKILL');
    await exit;
    return isLive ? 0 : covered.filter(isStopped).length;
  });
  // Not at once: a dying thread may send one more stop, which the guardian takes back.
  await until(() => guardians.every((one) => ['', 'Z', 'X'].includes(statField(one, 3))), 'the guardian has ended');
  await running(...covered);
  expect(covered.map(letterOf)).not.toContain('T');
  return found;
}

const random = new Random(1);

/** Does so until that many kills have left what is to be seen: the others show little. */
async function killOften(kill: Kill, wanted: number, isToBeSeen = (stopped: number) => stopped > 0): Promise<void> {
  let [found, done] = [0, 0];
  for (; found < wanted && done < 20 * wanted; done += 1) {
    if (isToBeSeen(await killAmidst(kill))) found += 1;
  }
  expect(found, `of ${done} kills`).toBe(wanted);
}

/** Where a freeze covers more than the members: descendants, or the processes of a group. */
const coversMore: readonly FreezeMode[] = [FreezeMode.ProcessTree, FreezeMode.ProcessGroup];

async function subjects(mode: FreezeMode): Promise<Kill> {
  if (!coversMore.includes(mode)) return { mode, members: sleepers(8, fitFor(mode)).map(({ pid }) => pid) };
  const { pid, pids } = await tree(3, 1);
  return { mode, members: [pid], covered: pids };
}

const some = rounds({ some: 3, all: 10 });

describe.each(signallingModes)('an emulator that is killed while it freezes and thaws in mode %s', (mode) => {
  it(`leaves nothing stopped, by ${some} kills that found something stopped`, async () => {
    await killOften(await subjects(mode), some);
  });
});

/** `npm run kills` sets both, and takes some minutes; without them it is a test for every day. */
const kills = Number(process.env['FREEZE_STATE_KILLS'] ?? 3);
const many = Number(process.env['FREEZE_STATE_KILLS_MEMBERS'] ?? 300);

describe.runIf(signallingModes.includes(FreezeMode.Process))(
  `an emulator that is killed during a freeze of ${many} members leaves none stopped,`,
  () => {
    const mode = FreezeMode.Process;

    it(`by ${kills} kills that found some of them stopped and others not`, {
      timeout: 120_000 + kills * 20_000,
    }, async () => {
      const { pids } = await tree(many - 1, 1);
      await killOften({ mode, members: pids }, kills, (stopped) => stopped > 0 && stopped < many);
    });

    it(`by ${kills} kills, while its guardian works`, { timeout: 120_000 + kills * 5_000 }, async () => {
      const { pids } = await tree(many - 1, 1);
      for (let count = 0; count < kills; count += 1) await killAmidst({ mode, members: pids, isLive: true });
    });
  },
);
