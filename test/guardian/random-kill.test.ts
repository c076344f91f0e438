import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { letterOf, running, statField } from '../helpers/proc';
import { sleepers, start } from '../helpers/processes';
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

describe.each(signallingModes)(
  'an emulator that is killed at random while it freezes and thaws in mode %s',
  (mode: FreezeMode) => {
    it('leaves nothing stopped, thirty times over', async () => {
      const members = sleepers(8, fitFor(mode)).map(({ pid }) => pid);
      for (let round = 0; round < 30; round += 1) {
        const program = [join(__dirname, 'fixtures/for-ever.cjs'), mode, ...members.map(String)];
        const child = start(launchProgram, ['none', '--', process.execPath, ...program]);
        await new Promise((resolve) => child.stdout.once('data', resolve));
        for (let turns = (round * 7) % 30; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
        const exit = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await exit;
        // Not at once: a dying thread may send one more stop, which the guardian takes back.
        const guardians = guardiansOf(child.pid ?? 0);
        await until(
          () => guardians.every((one) => ['', 'Z', 'X'].includes(statField(one, 3))),
          'the guardian has ended',
        );
        await running(...members);
        expect(members.map(letterOf)).not.toContain('T');
      }
    });
  },
);
