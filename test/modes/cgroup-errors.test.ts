import { chownSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cgroup, cgroupErrorOf, own, write } from '../helpers/cgroups';
import { guardian } from '../helpers/guardian';
import { signallingModes } from '../helpers/modes';
import { afterMounting, canHideCgroups } from '../helpers/namespaces';
import { valueInNode } from '../helpers/node';
import { cgroupMount, cgroupOf, isStopped, running, stopped } from '../helpers/proc';
import { canBecomeNobody, nobody, sleeper, sleepers } from '../helpers/processes';

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup: an error says why', () => {
  const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

  it('where the directory is no cgroup, or does not exist, or is the root', () => {
    for (const path of ['/tmp', join(own, 'nowhere'), cgroupMount()]) {
      const error = cgroupErrorOf(() => open({ cgroup: { path } }));
      expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', reason: 'no-cgroup', path });
      expect(error.message).toContain(path);
    }
    expect(cgroupErrorOf(() => open({ cgroup: { parent: join(own, 'nowhere') } }))).toMatchObject({
      reason: 'no-cgroup',
    });
  });

  it('where it is threaded', () => {
    const parent = cgroup();
    const path = cgroup(parent);
    write(path, 'cgroup.type', 'threaded');
    const error = cgroupErrorOf(() => open({ cgroup: { path } }));
    expect(error).toMatchObject({ reason: 'threaded', path });
    expect(error.message).toContain('cgroup.type');
  });

  it('where the group, or one above it, was frozen by a foreign process', () => {
    const parent = cgroup();
    const path = cgroup(parent);
    write(parent, 'cgroup.freeze', 1);
    const error = cgroupErrorOf(() => open({ cgroup: { path } }));
    expect(error).toMatchObject({ reason: 'frozen-by-another', path: parent });
    expect(error.message).toContain('not ours to thaw');
    expect(error.message).toContain(`echo 0 > ${parent}/cgroup.freeze`);
    expect(cgroupErrorOf(() => open({ cgroup: { parent } }))).toMatchObject({
      reason: 'frozen-by-another',
      path: parent,
    });
    expect(readdirSync(parent).filter((name) => name.startsWith(`freeze-state-${process.pid}-`))).toEqual([]);
  });

  it('where a group above it was frozen meanwhile: no process joins, and none is thawed by us', async () => {
    const parent = cgroup();
    const [member, late] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
    const state = open({ cgroup: { parent } }, member.pid);
    state.freezeAtEpoch(0);
    await stopped(member.pid);
    write(parent, 'cgroup.freeze', 1);
    expect(cgroupErrorOf(() => state.registerPid(late.pid))).toMatchObject({
      reason: 'frozen-by-another',
      path: parent,
    });
    expect(cgroupOf(late.pid)).toBe(own);
    expect(cgroupErrorOf(() => state.unfreeze())).toMatchObject({ reason: 'frozen-by-another', path: parent });
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    write(parent, 'cgroup.freeze', 0);
    await running(member.pid);
    state.close();
  });

  it('where a foreign process froze the group: the freeze fails, and a thaw leaves it frozen', () => {
    const path = cgroup();
    const { pid } = sleeper();
    const state = open({ cgroup: { path } }, pid);
    write(path, 'cgroup.freeze', 1);
    expect(cgroupErrorOf(() => state.freezeAtEpoch(0))).toMatchObject({ reason: 'frozen-by-another', path });
    expect(state.isFrozen).toBe(false);
    state.unfreeze();
    expect(isStopped(pid)).toBe(true);
  });

  it.runIf(canBecomeNobody)('where it is not permitted: to make one, to freeze one, to move a process', async () => {
    const path = cgroup();
    const { pid } = sleeper();
    const failures = await valueInNode(
      ({ FreezeState: State, failure }, directory) => [
        failure(() => new State('cgroup')),
        failure(() => new State('cgroup', undefined, { cgroup: { path: directory } })),
        State.capabilities.modes.cgroup,
      ],
      [path],
      { launch: [`user=${nobody}`] },
    );
    expect(failures.slice(0, 2)).toMatchObject([
      { code: 'ERR_FREEZE_CGROUP', syscall: 'mkdir' },
      { code: 'ERR_FREEZE_CGROUP', syscall: 'access' },
    ]);
    expect(failures[2]).toEqual({
      available: false,
      code: 'not-permitted',
      reason: expect.stringMatching(/^Not permitted to use .*\(\w+: EACCES\)\.$/),
      remedy: expect.stringMatching(/^Run as root, .*Delegate=yes/),
    });
    expect(isStopped(pid)).toBe(false);
  });

  it.runIf(canBecomeNobody).each([
    ['its effective user', ['--ruid', String(nobody)]],
    [
      'a capability',
      ['--reuid', String(nobody), '--clear-groups', '--inh-caps', '+dac_override', '--ambient-caps', '+dac_override'],
    ],
  ])('not where it is permitted by %s alone', async (_name, words) => {
    const path = cgroup();
    const uses = await valueInNode(
      ({ FreezeState: State, spawnTarget, stoppedNow }, directory) =>
        [undefined, { path: directory }].map((group) => {
          const member = spawnTarget('sleep');
          const state = new State('cgroup', member.pid, group && { cgroup: group });
          const isFrozen = state.freezeAtEpoch(0);
          stoppedNow(member.pid);
          state.close();
          member.kill('SIGKILL');
          return { isFrozen, known: State.capabilities.modes.cgroup };
        }),
      [path],
      { under: ['setpriv', ...words] },
    );
    expect(uses).toEqual(Array(2).fill({ isFrozen: true, known: { available: true } }));
  });

  it.runIf(canBecomeNobody)(
    'where the user may have a group, but not move a process of another user into it',
    async () => {
      const path = cgroup();
      for (const file of ['.', 'cgroup.procs', 'cgroup.freeze']) chownSync(join(path, file), nobody, nobody);
      const { pid } = sleeper();
      const [error, pids] = await valueInNode(
        ({ FreezeState: State, failure }, directory, member) => {
          const state = new State('cgroup', undefined, { cgroup: { path: directory } });
          return [failure(() => state.registerPid(member)), state.pids] as const;
        },
        [path, pid],
        { launch: [`user=${nobody}`] },
      );
      expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', errno: -13, syscall: 'write' });
      expect(error.message).toContain(`not permitted to move process ${pid} into or out of ${path} (write: EACCES)`);
      expect(error.message).toContain(
        'cgroup.procs of that group, of the group that the process is in, and of one above both',
      );
      expect(error.message).toMatch(/It was not registered\.$/);
      expect(pids).toEqual([]);
      expect(cgroupOf(pid)).toBe(own);
    },
  );

  // A mount namespace of its own, in which the hierarchy is as such machines have it.
  const inNamespace = (command: string) => ({ under: afterMounting(command) });

  it.each([
    ['in the group', false],
    ['in one below it', true],
  ])('where our guardian is %s: it is not frozen, for it could not thaw', async (_, isBelow) => {
    const path = cgroup();
    const place = isBelow ? cgroup(path) : path;
    const { pid } = sleeper();
    const guard = guardian();
    write(place, 'cgroup.procs', guard);
    onTestFinished(() => write(own, 'cgroup.procs', guard));
    using state = open({ cgroup: { path } }, pid);
    const error = cgroupErrorOf(() => state.freezeAtEpoch(0));
    expect(error).toMatchObject({ reason: 'ours', path });
    expect(error.message).toContain(`process ${guard} is in ${path}`);
    expect(error.message).toContain('the guardian of this process');
    expect(state.isFrozen).toBe(false);
    expect([pid, guard].filter(isStopped)).toEqual([]);
    write(own, 'cgroup.procs', guard);
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(pid);
  });

  it('where it is mounted read-only', async () => {
    const result = await valueInNode(
      ({ FreezeState: State, failure }) => [failure(() => new State('cgroup')), State.capabilities.modes.cgroup],
      [],
      inNamespace(`mount -o remount,ro,bind ${cgroupMount()}`),
    );
    expect(result[0]).toMatchObject({ code: 'ERR_FREEZE_CGROUP', errno: -30, syscall: 'mkdir' });
    expect(result[1]).toEqual({
      available: false,
      code: 'read-only',
      reason: expect.stringContaining('is mounted read-only'),
      remedy: expect.stringMatching(/^Mount it writable/),
    });
  });

  it.runIf(canHideCgroups)('where it is not mounted', async () => {
    const result = await valueInNode(
      ({ FreezeState: State, failure }) => [failure(() => new State('cgroup')), State.capabilities.modes.cgroup],
      [],
      inNamespace(`umount ${cgroupMount()}`),
    );
    expect(result[0]).toMatchObject({
      code: 'ERR_FREEZE_CGROUP',
      message: expect.stringContaining('mount -t cgroup2'),
    });
    expect(result[1]).toMatchObject({ available: false });
  });

  it.runIf(canHideCgroups)('but not where cgroup v2 is mounted at another path: the mount is found', async () => {
    const { pid } = sleeper();
    const place = mkdtempSync(join(tmpdir(), 'a cgroup '));
    onTestFinished(() => rmdirSync(place));
    const result = await valueInNode(
      ({ FreezeState: State, failure }, member) => {
        const outcome = failure(() => {
          const state = new State('cgroup', member);
          const frozen = state.freezeAtEpoch(0);
          state.close();
          return frozen;
        });
        return outcome;
      },
      [pid],
      inNamespace(
        `mount --move ${cgroupMount()} "${place}" 2>/dev/null || (mount -t cgroup2 none "${place}" && umount ${cgroupMount()})`,
      ),
    );
    expect(result).toEqual({ returned: true });
  });
});
