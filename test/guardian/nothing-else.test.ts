import { describe, expect, it } from 'vitest';
import { runInNode } from '../helpers/node';
import { isStopped, running, statField, stopped } from '../helpers/proc';
import { family, sleeper } from '../helpers/processes';
import { until } from '../helpers/until';

describe('the guardian continues nothing else', () => {
  it('than what the state had stopped: a descendant that a foreign process stopped before stays stopped', async () => {
    const { pid, pids } = await family(['tree', '2', '1'], 3);
    const [foreign = 0, own = 0] = pids.filter((one) => one !== pid);
    process.kill(foreign, 'SIGSTOP');
    await stopped(foreign);
    const ending = await runInNode(
      ({ FreezeState: State, stoppedNow }, root, ...all) => {
        if (!new State('process-tree', root).freezeAtEpoch(0)) throw new Error('not frozen');
        stoppedNow(...all);
        process.getBuiltinModule('node:fs').writeSync(1, String(State.capabilities.guardian.pid));
        process.kill(process.pid, 'SIGKILL');
      },
      [pid, ...pids],
    );
    expect(ending.signal).toBe('SIGKILL');
    await running(pid, own);
    await noGuardianLeft(ending.stdout);
    expect(isStopped(foreign)).toBe(true);
  });

  it('than what is frozen: what was thawed and then stopped by a foreign process stays stopped', async () => {
    const { pid } = sleeper();
    const ending = await runInNode(
      ({ FreezeState: State, stoppedNow }, member) => {
        const state = new State('process', member);
        state.freezeAtEpoch(0);
        state.unfreeze();
        process.kill(member, 'SIGSTOP');
        stoppedNow(member);
        process.getBuiltinModule('node:fs').writeSync(1, String(State.capabilities.guardian.pid));
        process.kill(process.pid, 'SIGKILL');
      },
      [pid],
    );
    await noGuardianLeft(ending.stdout);
    expect(isStopped(pid)).toBe(true);
  });
});

/** Waits until the guardian, whose pid the emulator printed, has done its work. */
async function noGuardianLeft(printed: string): Promise<void> {
  const pid = Number(printed);
  expect(pid).toBeGreaterThan(1);
  await until(() => ['', 'Z', 'X'].includes(statField(pid, 3)), 'the guardian has ended');
}
