import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it, vi } from 'vitest';
import { cgroup, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { canMakeCgroupNamespace } from '../helpers/namespaces';
import { type NodeOptions, valueInNode } from '../helpers/node';
import { cgroupMount, cgroupOf, running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

/** Node in that cgroup, and in a namespace whose root it is: the mount is from outside. A watchdog kills it. */
const within = (path: string, namespace = 'unshare --cgroup'): NodeOptions => ({
  under: ['sh', '-c', `echo $$ > "${path}/cgroup.procs" && exec ${namespace} "$@"`, '-'],
});

/** Whether a state takes the group in which it is, and whether that may be frozen. */
const tryOwn = (path: string, options: NodeOptions) =>
  valueInNode(
    ({ FreezeState: State, failure }, member, group) =>
      failure(() => {
        const state = new State('cgroup', member, { cgroup: { path: group } });
        state.freezeAtEpoch(0);
      }),
    [sleeper().pid, path],
    options,
  );

const isPossible = canMakeCgroupNamespace && signallingModes.includes(FreezeMode.Cgroup);

describe.runIf(isPossible)('mode cgroup: in a cgroup namespace', () => {
  it('our own group, and one above it, is not taken: we would freeze ourselves', async () => {
    const path = cgroup();
    for (const inside of [path, cgroup(path)]) {
      const error = await tryOwn(path, within(inside));
      expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', message: expect.stringContaining('this very process') });
    }
  });

  it('our own group is not taken, even if its name ends in "(deleted)"', async () => {
    const path = join(cgroup(), 'mine (deleted)');
    mkdirSync(path);
    try {
      const error = await tryOwn(path, within(path, ''));
      expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', message: expect.stringContaining('this very process') });
    } finally {
      await vi.waitFor(() => rmdirSync(path), { timeout: 5000, interval: 5 });
    }
  });

  it('a member is frozen, and moved back to where it came from', async () => {
    const [home, origin] = [cgroup(), cgroup()];
    for (const how of ['unregisterPid', 'close'] as const) {
      const { pid } = sleeper();
      write(origin, 'cgroup.procs', pid);
      const result = await valueInNode(
        ({ FreezeState: State }, member, way) => {
          const state = new State('cgroup', member);
          const isFrozen = state.freezeAtEpoch(0);
          const isOut = way === 'unregisterPid' && state.unregisterPid(member);
          state.close();
          return { isFrozen, isOut };
        },
        [pid, how],
        within(home),
      );
      expect(result).toEqual({ isFrozen: true, isOut: how === 'unregisterPid' });
      expect(cgroupOf(pid)).toBe(origin);
      await running(pid);
    }
  });

  it('a process whose cgroup the mount does not show is refused: it could not be moved back', async () => {
    const top = cgroup();
    const { pid } = sleeper();
    const error = await valueInNode(
      ({ FreezeState: State, failure }, member) => failure(() => new State('cgroup', member)),
      [pid],
      within(cgroup(top), `unshare --cgroup --mount sh -c 'mount --bind "${top}" "${cgroupMount()}" && exec "$@"' -`),
    );
    expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP' });
    expect(error.message).toContain(`process ${pid} is in a control group that the mount at ${cgroupMount()} does not`);
    await running(pid);
  });
});
