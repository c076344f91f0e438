import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, madeUnder, own } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { runInNode } from '../helpers/node';
import { statField, stopped } from '../helpers/proc';
import { sleeper, start } from '../helpers/processes';
import { untilNow } from '../helpers/until';

/** A process with so much memory that it takes the kernel some 50 ms to end it. */
async function big(): Promise<{ pid: number; killNow(): void }> {
  const child = start(process.execPath, [
    '-e',
    'const all = Buffer.alloc(1.2e9, 1); setInterval(() => all, 1e9); console.log(1)',
  ]);
  const { pid = 0 } = child;
  await once(child.stdout, 'data');
  return {
    pid,
    killNow() {
      child.kill('SIGKILL');
      // PF_EXITING in proc_pid_stat(5).
      untilNow(() => (Number(statField(pid, 9)) & 4) !== 0, 'it is exiting');
    },
  };
}

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup: a member that is exiting', () => {
  it('is waited for by close, which does not spin and leaves no group behind', async () => {
    const { pid, killNow } = await big();
    const state = new FreezeState(FreezeMode.Cgroup, pid);
    killNow();
    const [before, begin] = [process.cpuUsage(), performance.now()];
    state.close();
    const [{ user, system }, took] = [process.cpuUsage(before), performance.now() - begin];
    expect(madeUnder(own)).toEqual([]);
    expect((user + system) / 1000).toBeLessThan(Math.max(5, took / 2));
  });

  it('is waited for at the exit of this process, which leaves no group behind', async () => {
    const { pid } = await big();
    const parent = cgroup();
    const ending = await runInNode(
      ({ FreezeState: State }, member, directory) => {
        const state = new State('cgroup', member, { cgroup: { parent: directory } });
        const { readFileSync } = process.getBuiltinModule('node:fs');
        const flags = (): number =>
          Number(/\) (?:\S+ ){6}(\d+)/.exec(readFileSync(`/proc/${member}/stat`, 'latin1'))?.[1]);
        process.kill(member, 'SIGKILL');
        while ((flags() & 4) === 0);
        process.exit(state.mode === 'cgroup' ? 0 : 1);
      },
      [pid, parent],
    );
    expect(ending).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(parent).filter((name) => name.startsWith('freeze-state-'))).toEqual([]);
  });

  it('counts as gone when it is registered, and fails no freeze', async () => {
    const [{ pid, killNow }, other] = [await big(), sleeper()];
    const state = new FreezeState(FreezeMode.Cgroup, other.pid);
    killNow();
    state.registerPid(pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(other.pid);
    state.close();
    expect(madeUnder(own)).toEqual([]);
  });
});
