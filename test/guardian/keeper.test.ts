import type { ChildProcess } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, madeBy } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { packageCopy } from '../helpers/package-copy';
import { running } from '../helpers/proc';
import { canBecomeNobody, killed, nobody, sleeper, start, type Target } from '../helpers/processes';
import { output } from '../helpers/sandboxes';
import { until } from '../helpers/until';

const userOf = (pid: number) => /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];

/** Freezes the process and becomes nobody; with what is known of the guardian before that and afterwards. */
async function changeUser(folder: string, pid: number, ...words: string[]) {
  const all = [join(__dirname, 'fixtures/change-user.cjs'), folder, String(pid), String(nobody), ...words];
  const emulator = start(process.execPath, all, { stdio: ['pipe', 'pipe', 'inherit'] });
  const { before, after } = JSON.parse(await output(emulator)) as Record<string, { pid: number }>;
  expect(before).toEqual({ available: true, pid: expect.any(Number) });
  await until(() => userOf(after?.pid ?? 0) === String(nobody), 'the guardian has the new user');
  return { emulator, before, after };
}

/** Ends the member; then the next state removes the group, which the new user may not. */
async function hasLeft(emulator: ChildProcess, member: Target, parent: string): Promise<void> {
  await killed(member);
  await until(() => {
    new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
    return madeBy(emulator.pid ?? 0, parent).length === 0;
  }, 'the group is removed');
}

it.runIf(canBecomeNobody)('keeps the guardian, as the new user, where that cannot start another', async () => {
  const member = sleeper({ user: nobody });
  await until(() => userOf(member.pid) === String(nobody), 'the member has its user');
  const { emulator, before, after } = await changeUser(packageCopy(), member.pid);
  expect(after).toEqual({
    ...before,
    reason: expect.stringMatching(
      /^The user of this process has changed, and no guardian of the new user could be started.*EACCES/,
    ),
  });
  emulator.kill('SIGKILL');
  await running(member.pid);
});

describe.runIf(canBecomeNobody && signallingModes.includes('cgroup'))(
  'a control group that the new user may not thaw is thawed by the guardian from before,',
  () => {
    it.each([
      ['that is killed', 'thaw'],
      ['that exits, and whose members it may not kill', 'kill'],
    ])('of an emulator %s', async (_, onParentDeath) => {
      const member = sleeper();
      const folder = packageCopy();
      chmodSync(folder, 0o755);
      const parent = cgroup();
      const { emulator, before, after } = await changeUser(folder, member.pid, parent, onParentDeath);
      expect(after).toEqual({
        ...before,
        reason: expect.stringMatching(/may not write to cgroup\.freeze of .*\/freeze-state-\d+-.* \(access: EACCES\)/),
      });
      if (onParentDeath === 'thaw') emulator.kill('SIGKILL');
      else emulator.stdin?.end();
      await running(member.pid);
      await hasLeft(emulator, member, parent);
    });

    it('or by the emulator when it exits, where that guardian was killed', async () => {
      const member = sleeper();
      const folder = packageCopy();
      chmodSync(folder, 0o755);
      const parent = cgroup();
      const { emulator, after: first } = await changeUser(folder, member.pid, parent, 'kill');
      const next = output(emulator);
      process.kill(first?.pid ?? 0, 'SIGKILL');
      const { after } = JSON.parse(await next);
      expect(after).toEqual({
        available: true,
        pid: expect.any(Number),
        reason: expect.stringContaining('may not write to cgroup.freeze'),
      });
      expect(after.pid).not.toBe(first?.pid);
      emulator.stdin?.end();
      await running(member.pid);
      await hasLeft(emulator, member, parent);
    });
  },
);
