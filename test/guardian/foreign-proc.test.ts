import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { FreezeMode } from 'freeze-state';
import { describe, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { canMakePidNamespace, underForeignProc } from '../helpers/namespaces';
import { startInNode } from '../helpers/node';
import { running, statField, stopped } from '../helpers/proc';
import { until } from '../helpers/until';

let count = 0;

/** The processes of a program with this one argument, by their pids out here. */
function pidsOf(program: string, argument: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `${program}\0${argument}\0`;
      } catch {
        return false;
      }
    });
}

/**
 * Freezes a shell with a child, or the child that the shell has left behind, in a pid namespace that has the /proc of the
 * one outside. Then the emulator is killed. Returns the child.
 */
async function frozenByOneKilled(mode: FreezeMode, ending: 'thaw' | 'kill', hasLeader: boolean): Promise<number> {
  count += 1;
  const seconds = `1000.${process.pid}${count}`;
  const emulator = startInNode(
    async ({ FreezeState }, ofMode, onParentDeath, isWhole, argument) => {
      const { spawn } = process.getBuiltinModule('node:child_process');
      const { writeSync } = process.getBuiltinModule('node:fs');
      const command = ofMode === 'process' ? `exec sleep ${argument}` : `sleep ${argument} & read line`;
      const leader = spawn('sh', ['-c', command], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
      const state = new FreezeState({ mode: ofMode, pids: [leader.pid as number], onParentDeath });
      if (!isWhole) {
        leader.stdin.end();
        await new Promise((resolve) => leader.once('exit', resolve));
      }
      // So that the test sees the child.
      await new Promise((resolve) => {
        process.stdin.once('data', resolve);
        writeSync(1, 'ready');
      });
      if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
      process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'));
    },
    [mode, ending, hasLeader, seconds],
    // The shell is the init of the namespace, which outlives the emulator.
    { under: [...underForeignProc, 'sh', '-c', '"$@"; exec sleep 1000', '-'] },
  );
  await once(emulator.stdout, 'data');
  await until(() => pidsOf('sleep', seconds).length === 1, 'the child runs');
  const [pid = 0] = pidsOf('sleep', seconds);
  emulator.stdin.write('go');
  await stopped(pid);
  emulator.stdin.end();
  return pid;
}

describe.runIf(canMakePidNamespace)('without a /proc of the pid namespace, the guardian', () => {
  for (const mode of [FreezeMode.Process, FreezeMode.ProcessGroup].filter((one) => signallingModes.includes(one))) {
    for (const hasLeader of mode === FreezeMode.ProcessGroup ? [true, false] : [true]) {
      const what = hasLeader ? mode : `${mode}, whose leader was reaped`;
      it(`thaws (${what})`, async () => {
        await running(await frozenByOneKilled(mode, 'thaw', hasLeader));
      });

      it(`kills what is to end with the emulator (${what})`, async () => {
        const pid = await frozenByOneKilled(mode, 'kill', hasLeader);
        await until(() => ['', 'Z', 'X'].includes(statField(pid, 3)), 'it has ended');
      });
    }
  }
});
