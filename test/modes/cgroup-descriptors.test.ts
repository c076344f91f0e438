import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, own, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { cgroupOf, running } from '../helpers/proc';
import { sleepers } from '../helpers/processes';

const few = { launch: ['open-files=96'] };
const exhausted = { name: 'ResourceExhaustedError', code: 'ERR_FREEZE_RESOURCE_EXHAUSTED', errno: -24 };

function groupsIn(path: string): string[] {
  return readdirSync(path).filter((name) => name.startsWith('freeze-state-'));
}

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup out of descriptors', () => {
  it('unregisterPid fails, and the member stays registered, stopped and in the group', async () => {
    const [one, two] = sleepers(2).map(({ pid }) => pid) as [number, number];
    const result = await valueInNode(
      ({ FreezeState, failure, stoppedNow, full, letterOf }, ...members) => {
        const state = FreezeState.withPids('cgroup', members);
        state.freezeAtEpoch(0);
        stoppedNow(...members);
        const leaving = full(() => failure(() => state.unregisterPid(members[0])));
        const [pids, letter] = [state.pids, letterOf(members[0])];
        const left = state.unregisterPid(members[0]);
        state.close();
        return { leaving, pids, letter, left };
      },
      [one, two],
      few,
    );
    expect(result.leaving).toMatchObject({ ...exhausted, pid: one, syscall: 'open' });
    expect(result.leaving.message).toMatch(/^unregisterPid: no descriptor for process \d+ \(open: EMFILE\)\./);
    expect(result.leaving.message).toMatch(/It stays registered\.$/);
    expect(result).toMatchObject({ pids: [one, two], letter: 'T', left: true });
    await running(one, two);
  });

  it.each(['path', 'parent'] as const)('close still moves every member out of the group: option %s', async (which) => {
    const group = cgroup();
    const pids = sleepers(3).map(({ pid }) => pid);
    const result = await valueInNode(
      ({ FreezeState, failure, full }, members, options) => {
        const state = FreezeState.withPids('cgroup', members, { cgroup: options });
        state.freezeAtEpoch(0);
        return full(() => failure(() => state.close()));
      },
      [pids, { [which]: group } as { path: string }],
      few,
    );
    expect(result).toEqual({});
    for (const pid of pids) expect(cgroupOf(pid)).toBe(own);
    expect(groupsIn(group)).toEqual([]);
    await running(...pids);
  });

  it.each(['path', 'parent'] as const)(
    'close says what stays in the group if there is no descriptor to move it: option %s',
    async (which) => {
      const group = cgroup();
      const [pid = 0] = sleepers(1).map((one) => one.pid);
      const result = await valueInNode(
        ({ FreezeState, failure }, member, options) => {
          const { execFileSync } = process.getBuiltinModule('node:child_process');
          const state = new FreezeState('cgroup', member, { cgroup: options });
          // Below what is open: what it closes is not to be had again.
          execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=3:']);
          return failure(() => state.close());
        },
        [pid, { [which]: group } as { path: string }],
        few,
      );
      expect(result).toMatchObject({ ...exhausted, pid });
      expect(result.message).toMatch(/The state is closed; what could not be moved out stays where it is\.$/);
      await running(pid);
      expect(cgroupOf(pid).startsWith(group)).toBe(true);
      write(own, 'cgroup.procs', pid);
      for (const name of groupsIn(group)) rmdirSync(join(group, name));
    },
  );

  it('continues what a foreign process has stopped, if it has a descriptor of that process', async () => {
    const [pid = 0] = sleepers(1).map((one) => one.pid);
    const runs = await valueInNode(
      ({ FreezeState, full, stoppedNow, runningNow }, member) => {
        const state = new FreezeState('cgroup', member);
        process.kill(member, 'SIGSTOP');
        stoppedNow(member);
        full(() => state.forceUnfreeze());
        runningNow(member);
        state.close();
        return true;
      },
      [pid],
      few,
    );
    expect(runs).toBe(true);
  });

  it('is not reported as missing, and is available again with a descriptor', async () => {
    const result = await valueInNode(
      ({ FreezeState, failure, full }) => {
        const making = full(() => failure(() => new FreezeState('cgroup')));
        const before = full(() => FreezeState.capabilities.modes.cgroup);
        const after = FreezeState.capabilities;
        return { making, before, after: after.modes.cgroup, isKept: after === FreezeState.capabilities };
      },
      [],
      few,
    );
    expect(result.making).toMatchObject({ ...exhausted, syscall: 'open' });
    expect(result.making).not.toHaveProperty('pid');
    expect(result.before).toEqual({
      available: false,
      code: 'resource-exhausted',
      reason: expect.stringContaining('no descriptor for a file (open: EMFILE)'),
      remedy: expect.stringMatching(/^Raise the limit \(`ulimit -n`\)/),
    });
    expect(result).toMatchObject({ after: { available: true }, isKept: true });
  });
});
