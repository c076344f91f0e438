import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { guardian } from '../helpers/guardian';
import { fitFor, signallingModes } from '../helpers/modes';
import { afterMounting, canMakePidNamespace, canMountNoexec, inPidNamespace } from '../helpers/namespaces';
import { runInNode, valueInNode } from '../helpers/node';
import { isStopped, letterOf, running, statField, stopped } from '../helpers/proc';
import { canBecomeNobody, family, nobody, sleeper, sleepers, start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';
import { until } from '../helpers/until';

/** The pids of all guardians of a process. */
function guardiansOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((one) => {
      try {
        return readFileSync(`/proc/${one}/cmdline`, 'latin1') === `freeze-state-guardian\0${pid}\0`;
      } catch {
        return false;
      }
    });
}

function line(pid: number, file: string, name: string): string {
  const [, value = ''] =
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1')) ?? [];
  return value;
}

describe('the guardian', () => {
  it('is one for all states and threads', async () => {
    const { first, later, count } = await valueInNode(
      async ({ FreezeState: State, worker }, member) => {
        const own = (): number | undefined => State.capabilities.guardian.pid;
        new State('process', member).freezeAtEpoch(0);
        const pid = own();
        const states = Array.from({ length: 20 }, () => new State('process-tree', member));
        const thread = worker(({ FreezeState: InWorker }, one) => {
          new InWorker('process', one).freezeAtEpoch(0);
        }, member);
        await new Promise((resolve) => thread.once('exit', resolve));
        const { readdirSync: list, readFileSync: read } = process.getBuiltinModule('node:fs');
        const found = list('/proc').filter((name) => {
          try {
            return read(`/proc/${name}/cmdline`, 'latin1').startsWith(`freeze-state-guardian\0${process.pid}\0`);
          } catch {
            return false;
          }
        });
        for (const state of states) state.close();
        return { first: pid, later: own(), count: found.length };
      },
      [sleeper().pid],
    );
    expect(first).toEqual(expect.any(Number));
    expect(later).toBe(first);
    expect(count).toBe(1);
  });

  it('is not started before a state that can freeze, nor for one that does without', async () => {
    const none = await valueInNode(
      ({ FreezeState: State }, member) => {
        new State('none', member).freezeAtEpoch(0);
        new State('process', member, { guardian: false }).freezeAtEpoch(0);
        return State.capabilities.guardian;
      },
      [sleeper().pid],
    );
    expect(none).toEqual({ available: true });
  });

  it('is in a session of its own, no child of the emulator, and has nothing open but what it needs', () => {
    const pid = guardian();
    expect(statField(pid, 4)).not.toBe(String(process.pid));
    expect(statField(pid, 5)).toBe(String(pid));
    expect(statField(pid, 6)).toBe(String(pid));
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`);
    expect(open).toEqual([
      '0 /dev/null',
      '1 /dev/null',
      '2 /dev/null',
      expect.stringContaining('3 socket:'),
      '4 /memfd:freeze-state-ledger (deleted)',
      expect.stringContaining('5 anon_inode:[pidfd]'),
    ]);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe('');
  });

  it('takes no signal but SIGKILL and SIGSTOP', () => {
    // All but these two, and the two that a C library keeps for itself.
    expect(BigInt(`0x${line(guardian(), 'status', 'SigBlk')}`) | 0x3_8000_0000n).toBe(
      0xffff_ffff_fffb_feffn | 0x3_8000_0000n,
    );
  });

  it('takes a megabyte at most, and no processor time while nothing happens', async () => {
    const pid = guardian();
    // It has said that it is ready, and may not have come to sleep yet.
    await until(() => letterOf(pid) === 'S', 'the guardian sleeps');
    expect(Number.parseInt(line(pid, 'status', 'VmRSS'), 10)).toBeLessThan(1024);
    const slept = () => readFileSync(`/proc/${pid}/schedstat`, 'latin1');
    const before = slept();
    using state = FreezeState.withPids(
      'process',
      sleepers(3).map((one) => one.pid),
    );
    for (let epoch = 0; epoch < 1000; epoch += 1) {
      state.freezeAtEpoch(epoch);
      state.unfreeze();
    }
    expect(slept()).toBe(before);
  });

  it('is refused as a member, in every mode', () => {
    const pid = guardian();
    for (const mode of signallingModes) {
      using state = new FreezeState(mode);
      expect(() => state.registerPid(pid)).toThrow(/is the guardian of this process/);
      expect(state.pids).toEqual([]);
    }
  });

  it('is replaced when it is killed, and the new one continues what is frozen', async () => {
    const { pid } = sleeper();
    const ending = await runInNode(
      async ({ FreezeState: State, stoppedNow }, member) => {
        const state = new State('process', member);
        state.freezeAtEpoch(0);
        stoppedNow(member);
        const { pid: first = 0 } = State.capabilities.guardian;
        process.kill(first, 'SIGKILL');
        let next: number | undefined = first;
        while (next === undefined || next === first) {
          await new Promise((resolve) => setImmediate(resolve));
          next = State.capabilities.guardian.pid;
        }
        process.kill(process.pid, 'SIGKILL');
      },
      [pid],
    );
    expect(ending).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    await running(pid);
  });

  it.runIf(canMakePidNamespace)('leaves no zombie where Node is the first process of a container', async () => {
    const states = await valueInNode(
      async ({ FreezeState: State, spawnTarget, letterOf }) => {
        const { pid: own } = process;
        const member = spawnTarget('sleep');
        const state = new State('process', member.pid);
        state.freezeAtEpoch(0);
        state.unfreeze();
        const { pid: first = 0 } = State.capabilities.guardian;
        process.kill(first, 'SIGKILL');
        let next: number | undefined;
        while (next === undefined || next === first) {
          await new Promise((resolve) => setImmediate(resolve));
          next = State.capabilities.guardian.pid;
        }
        const letter = letterOf(first);
        member.kill('SIGKILL');
        return { own, letter };
      },
      [],
      { under: inPidNamespace },
    );
    expect(states).toEqual({ own: 1, letter: '' });
  });

  it('ends with its emulator, whether anything is frozen or not', async () => {
    for (const isFrozen of [false, true]) {
      const { stdout } = await runInNode(
        ({ FreezeState: State }, member, freezes) => {
          const state = new State('process', member);
          state.freezeAtEpoch(0);
          if (!freezes) state.unfreeze();
          process.getBuiltinModule('node:fs').writeSync(1, String(State.capabilities.guardian.pid));
          process.kill(process.pid, 'SIGKILL');
        },
        [sleeper().pid, isFrozen],
      );
      expect(Number(stdout)).toBeGreaterThan(1);
      await until(() => ['', 'Z', 'X'].includes(statField(stdout, 3)), 'the guardian has ended');
    }
  });

  it.runIf(canBecomeNobody)('has the user of the emulator, also when that changes', async () => {
    const { before, after } = await valueInNode(
      async ({ FreezeState: State }, member, other) => {
        const { readFileSync: read } = process.getBuiltinModule('node:fs');
        const user = (pid?: number) => /^Uid:\t(\d+)/m.exec(read(`/proc/${pid}/status`, 'latin1'))?.[1];
        const own = () => State.capabilities.guardian.pid;
        const state = new State('process', member);
        state.freezeAtEpoch(0);
        state.unfreeze();
        const first = own();
        const was = user(first);
        process.setuid?.(other);
        while (own() === first || own() === undefined) await new Promise((resolve) => setImmediate(resolve));
        return { before: was, after: user(own()) };
      },
      [sleeper().pid, nobody],
    );
    expect({ before, after }).toEqual({ before: '0', after: String(nobody) });
  });
});

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

describe('where there can be no guardian', () => {
  /** A copy of the package, which the test may spoil. */
  function copy(): string {
    const folder = mkdtempSync(join(tmpdir(), 'freeze-state-copy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const root = join(__dirname, '../..');
    for (const part of ['dist', 'build/Release', 'package.json'])
      cpSync(join(root, part), join(folder, part), { recursive: true });
    cpSync(join(root, 'node_modules/node-gyp-build'), join(folder, 'node_modules/node-gyp-build'), { recursive: true });
    return folder;
  }

  /** `under`: a program that runs node. */
  async function useOf(
    folder: string,
    member: number,
    ...under: string[]
  ): Promise<{ stderr: string; stdout: string }> {
    const program = [join(__dirname, 'fixtures/three-freezes.cjs'), folder, String(member)];
    const child = start(launchProgram, ['none', '--', ...under, process.execPath, ...program]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    return { stdout, stderr };
  }

  it('since its program is missing, states work, and say so once', async () => {
    const folder = copy();
    rmSync(join(folder, 'build/Release/freeze-state-guardian'));
    const { stdout, stderr } = await useOf(folder, sleeper().pid);
    expect(JSON.parse(stdout)).toEqual({
      available: false,
      reason: expect.stringContaining(`There is no program at ${folder}/build/Release/freeze-state-guardian`),
    });
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr).toContain('[FREEZE_STATE_NO_GUARDIAN]');
  });

  it('a state whose members were to end with the process says that they will not', async () => {
    const folder = copy();
    rmSync(join(folder, 'build/Release/freeze-state-guardian'));
    const program = `
      const { FreezeState } = require(${JSON.stringify(folder)});
      for (let i = 0; i < 3; i += 1) new FreezeState({ mode: 'none', onParentDeath: 'kill' }).close();`;
    const child = start(launchProgram, ['none', '--', process.execPath, '-e', program]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr).toContain("the processes that were to end with it (onParentDeath: 'kill') live on");
  });

  const program = (folder: string) => join(folder, 'build/Release/freeze-state-guardian');

  /** What there is to be known and to be read where the program may not be executed. */
  function expectNotExecutable(folder: string, { stdout, stderr }: { stdout: string; stderr: string }): void {
    // Known before the start and, a moment later, by it.
    const known = JSON.parse(stdout.replace('posix_spawn', 'access')) as unknown;
    const reason =
      `${program(folder)} could not be executed (access: EACCES). Where its file system is mounted noexec, or its mode was ` +
      'changed, install the package elsewhere.';
    expect(known).toEqual({ available: false, reason });
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr.replace('posix_spawn', 'access')).toContain(reason);
  }

  it('since its program has lost the mode to be executed, states work, and say so once', async () => {
    const folder = copy();
    chmodSync(program(folder), 0o644);
    expectNotExecutable(folder, await useOf(folder, sleeper().pid));
  });

  it.runIf(canMountNoexec)('since its program is where nothing may be executed, likewise', async () => {
    const folder = copy();
    const elsewhere = join(folder, 'noexec');
    mkdirSync(elsewhere);
    const mounting = `mount -t tmpfs -o noexec none '${elsewhere}' && cp '${program(folder)}' '${elsewhere}/program' &&
      mount --bind '${elsewhere}/program' '${program(folder)}'`;
    expectNotExecutable(folder, await useOf(folder, sleeper().pid, ...afterMounting(mounting)));
  });
});

describe.each(signallingModes)(
  'an emulator that is killed at random while it freezes and thaws in mode %s',
  (mode: FreezeMode) => {
    it('leaves nothing stopped, thirty times over', async () => {
      const members = sleepers(8, fitFor(mode)).map(({ pid }) => pid);
      for (let round = 0; round < 30; round += 1) {
        const program = [join(__dirname, 'fixtures/for-ever.cjs'), mode, ...members.map(String)];
        const child = start(launchProgram, ['none', '--', process.execPath, ...program]);
        await new Promise((resolve) => child.stdout.once('data', resolve));
        for (let turns = (round * 7) % 30; turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
        const exit = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await exit;
        // Not at once: a dying thread may send one more stop, which the guardian takes back.
        const guardians = guardiansOf(child.pid ?? 0);
        await until(
          () => guardians.every((one) => ['', 'Z', 'X'].includes(statField(one, 3))),
          'the guardian has ended',
        );
        await running(...members);
        expect(members.map(letterOf)).not.toContain('T');
      }
    });
  },
);
