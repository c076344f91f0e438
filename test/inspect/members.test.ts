import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { statField, stopped } from '../helpers/proc';
import { impossiblePid, killNow, sleeper, sleepers, spinner, type Target, tree } from '../helpers/processes';
import { until } from '../helpers/until';

describe('inspect()', () => {
  it('tells running, sleeping, stopped, zombie and gone apart', async () => {
    const [asleep, byOther, zombie] = sleepers(3) as [Target, Target, Target];
    const busy = spinner();
    const state = FreezeState.withPids(
      'process',
      [busy, asleep, byOther, zombie].map(({ pid }) => pid),
    );
    state.registerPid(impossiblePid);
    process.kill(byOther.pid, 'SIGSTOP');
    await stopped(byOther.pid);
    await until(() => statField(busy.pid, 3) === 'R', 'it is busy');
    killNow(zombie);
    const registered = { role: 'registered', stoppedByUs: false };
    expect(state.inspect()).toEqual([
      { pid: busy.pid, state: 'running', ...registered },
      { pid: asleep.pid, state: 'sleeping', ...registered },
      { pid: byOther.pid, state: 'stopped', ...registered },
      { pid: zombie.pid, state: 'zombie', ...registered },
      { pid: impossiblePid, state: 'gone', ...registered },
    ]);
    state.close();
  });

  it('shows the descendants of a tree, running and frozen', async () => {
    const whole = await tree(2, 1);
    const state = new FreezeState('process-tree', whole.pid);
    const [, ...below] = whole.pids;
    const roles = () => state.inspect().map(({ pid, role, stoppedByUs }) => [pid, role, stoppedByUs]);
    const expected = (isStoppedByUs: boolean) => [
      [whole.pid, 'registered', isStoppedByUs],
      ...below.map((pid) => [pid, 'descendant', isStoppedByUs]),
    ];
    const byPid = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0]);
    expect(roles().sort(byPid)).toEqual(expected(false).sort(byPid));
    state.freezeAtEpoch(0);
    expect(roles().sort(byPid)).toEqual(expected(true).sort(byPid));
    state.close();
  });

  it('reads the state of a registered process in mode none, too', async () => {
    const { pid } = sleeper();
    await until(() => statField(pid, 3) === 'S', 'it sleeps');
    expect(new FreezeState('none', pid).inspect()).toMatchObject([{ pid, state: 'sleeping', stoppedByUs: false }]);
  });
});
