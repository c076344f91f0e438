import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, madeBy, processesOf, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { runInNode, valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { killed, nobody, sleeper } from '../helpers/processes';
import { sideEffectLibrary } from '../helpers/programs';
import { until } from '../helpers/until';

/** Freezes the member in a group under `parent`, and is killed. */
async function killEmulator(parent: string, member: number | undefined, guardian = true): Promise<number> {
  const { stdout, signal } = await runInNode(
    ({ FreezeState: State, stoppedNow }, under, pid, hasGuardian) => {
      const state = new State('cgroup', pid, { cgroup: { parent: under }, guardian: hasGuardian });
      if (pid !== undefined) {
        state.freezeAtEpoch(0);
        stoppedNow(pid);
      }
      process.getBuiltinModule('node:fs').writeSync(1, String(process.pid));
      process.kill(process.pid, 'SIGKILL');
    },
    [parent, member, guardian],
  );
  expect(signal).toBe('SIGKILL');
  return Number(stdout);
}

/** What states of any process have made under it. */
function groupsIn(parent: string): string[] {
  return readdirSync(parent).filter((name) => name.startsWith('freeze-state-'));
}

/** Has the process that is started load side-effect.c, for that effect. */
function preloaded(effect: string): string[] {
  return ['env', `LD_PRELOAD=${sideEffectLibrary}`, `FREEZE_TEST_SIDE_EFFECT=${effect}`];
}

describe.runIf(signallingModes.includes('cgroup'))('the cgroup of an emulator that is killed', () => {
  it('is thawed, and stays while a member lives in it; the next state under the same parent removes it', async () => {
    const parent = cgroup();
    const member = sleeper();
    const [left = ''] = madeBy(await killEmulator(parent, member.pid), parent);
    await running(member.pid);
    const path = join(parent, left);
    expect(readFileSync(join(path, 'cgroup.freeze'), 'latin1')).toBe('0\n');
    expect(processesOf(path)).toEqual([member.pid]);
    new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
    expect(existsSync(path)).toBe(true);
    await killed(member);
    await until(() => {
      new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
      return !existsSync(path);
    }, `${path} is swept`);
  });

  it('is removed at once where no process is in it', async () => {
    const parent = cgroup();
    // The guardian is ready with the first freeze; so the state that is left empty is another one.
    const member = sleeper();
    const { stdout } = await runInNode(
      ({ FreezeState: State }, under, pid) => {
        new State('process', pid).freezeAtEpoch(0);
        new State('cgroup', undefined, { cgroup: { parent: under } });
        const made = process.getBuiltinModule('node:fs').readdirSync(under);
        process.getBuiltinModule('node:fs').writeSync(1, made.find((name) => name.startsWith('freeze-state-')) ?? '');
        process.kill(process.pid, 'SIGKILL');
      },
      [parent, member.pid],
    );
    expect(stdout).toMatch(/^freeze-state-\d+-/);
    await until(() => !existsSync(join(parent, stdout)), `${stdout} is removed`);
  });

  it('is thawed and removed by the next state also where its emulator had no guardian', async () => {
    const parent = cgroup();
    const member = sleeper();
    const [left = ''] = madeBy(await killEmulator(parent, member.pid, false), parent);
    const path = join(parent, left);
    expect(readFileSync(join(path, 'cgroup.freeze'), 'latin1')).toBe('1\n');
    new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
    await running(member.pid);
    write(parent, 'cgroup.procs', member.pid);
    new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
    expect(existsSync(path)).toBe(false);
  });

  it('is left alone while that emulator lives, even empty and frozen', async () => {
    const parent = cgroup();
    const member = sleeper();
    using frozen = new FreezeState('cgroup', member.pid, { cgroup: { parent } });
    using empty = new FreezeState('cgroup', undefined, { cgroup: { parent } });
    expect(frozen.freezeAtEpoch(0)).toBe(true);
    const before = madeBy(process.pid, parent);
    expect(before).toHaveLength(2);
    const result = await runInNode(
      ({ FreezeState: State }, under) => new State('cgroup', undefined, { cgroup: { parent: under } }).close(),
      [parent],
    );
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(madeBy(process.pid, parent)).toEqual(before);
    expect(frozen.inspect()).toMatchObject([{ pid: member.pid, state: 'stopped' }]);
    expect(empty.registerPid(sleeper().pid)).toBeUndefined();
  });

  it.each([
    ['may be', 'sweep'],
    ['may just be being', 'dying'],
  ])('%s removed by sweeps of others before it is locked: another is made', async (_, effect) => {
    const parent = cgroup();
    const made = await valueInNode(
      ({ FreezeState: State }, under) => {
        const state = new State('cgroup', undefined, { cgroup: { parent: under } });
        const left = process.getBuiltinModule('node:fs').existsSync(state.cgroup ?? '');
        state.close();
        return left;
      },
      [parent],
      { under: preloaded(effect) },
    );
    expect(made).toBe(true);
    expect(groupsIn(parent)).toEqual([]);
  });

  it('that another process keeps a lock on is refused in time, and not left behind', async () => {
    const parent = cgroup();
    const { error, ms } = await valueInNode(
      ({ FreezeState: State, failure }, under) => {
        const begin = performance.now();
        const failed = failure(() => new State('cgroup', undefined, { cgroup: { parent: under } }).close());
        return { error: failed, ms: performance.now() - begin };
      },
      [parent],
      { under: preloaded('lock') },
    );
    expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', syscall: 'flock', errno: -constants.errno.EAGAIN });
    expect(error.message).toContain(`${parent}/freeze-state-`);
    expect(error.message).toMatch(/held a lock on its cgroup\.freeze.*End that process/);
    // A second on an idle machine. The lock is held for 20.
    expect(ms).toBeLessThan(15_000);
    expect(groupsIn(parent)).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)('cannot be locked by another user while it is being made', async () => {
    const parent = cgroup();
    const mode = await valueInNode(
      ({ FreezeState: State }, under) => {
        const state = new State('cgroup', undefined, { cgroup: { parent: under } });
        const made = process.getBuiltinModule('node:fs').statSync(state.cgroup ?? '').mode;
        state.close();
        return made;
      },
      [parent],
      { under: [...preloaded('lock'), `FREEZE_TEST_LOCKER=${nobody}`] },
    );
    expect(mode & 0o777).toBe(0o755);
    expect(groupsIn(parent)).toEqual([]);
  });

  it('is not killed when its state was closed: what a foreign process has put there lives on', async () => {
    const path = cgroup();
    const [member, bystander] = [sleeper(), sleeper()];
    const { signal, stdout } = await runInNode(
      ({ FreezeState: State, stoppedNow }, group, pid, other) => {
        const state = new State('cgroup', pid, { cgroup: { path: group }, onParentDeath: 'kill' });
        // The guardian is ready with the first freeze.
        state.freezeAtEpoch(0);
        stoppedNow(pid);
        state.close();
        process.getBuiltinModule('node:fs').writeFileSync(`${group}/cgroup.procs`, String(other));
        process.getBuiltinModule('node:fs').writeSync(1, String(State.capabilities.guardian.pid));
        // So that it is not collected.
        Object.assign(globalThis, { state });
        process.kill(process.pid, 'SIGKILL');
      },
      [path, member.pid, bystander.pid],
    );
    expect(signal).toBe('SIGKILL');
    expect(stdout).toMatch(/^\d+$/);
    await until(() => !existsSync(`/proc/${stdout}`), 'the guardian has done its work');
    await running(member.pid, bystander.pid);
    expect(processesOf(path)).toEqual([bystander.pid]);
    expect(readFileSync(join(path, 'cgroup.freeze'), 'latin1')).toBe('0\n');
  });

  it("that others have named like one of ours, or left without a lock, stays unless it is a state's", () => {
    const parent = cgroup();
    const alike = cgroup(parent);
    new FreezeState('cgroup', undefined, { cgroup: { parent } }).close();
    expect(existsSync(alike)).toBe(true);
  });
});
