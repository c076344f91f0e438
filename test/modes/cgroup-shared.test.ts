import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, own, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { run } from '../threads/run';

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup: one group', () => {
  it('that two threads freeze at once, each by a state of its own, is frozen by one of them', async () => {
    const path = cgroup(own);
    const pids = sleepers(2).map(({ pid }) => pid);
    const rounds = 500;
    const { code, stderr, stdout } = await run('shared-path.mjs', [path, rounds, ...pids], { timeout: 90_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // One of them each time: it takes the look of both for neither to get it.
    expect(JSON.parse(stdout)).toMatchObject({ both: 0, wrong: 0, frozen: rounds });
    await running(...pids);
  });

  it('is not frozen while this very process is in it, or below', async () => {
    const path = cgroup(own);
    const below = cgroup(path);
    const [{ pid } = { pid: 0 }] = sleepers(1);
    const result = await valueInNode(
      ({ FreezeState: State, failure }, member, group, inner, home) => {
        const { writeFileSync } = require('node:fs') as typeof import('node:fs');
        const state = new State('cgroup', member, { cgroup: { path: group } });
        writeFileSync(`${inner}/cgroup.procs`, String(process.pid));
        const { message = '' } = failure(() => state.freezeAtEpoch(0));
        writeFileSync(`${home}/cgroup.procs`, String(process.pid));
        const frozen = state.freezeAtEpoch(0);
        state.close();
        return { message, frozen };
      },
      [pid, path, below, own],
    );
    expect(result).toEqual({ message: expect.stringContaining('this very process'), frozen: true });
    write(path, 'cgroup.freeze', '0');
    await running(pid);
  });
});
