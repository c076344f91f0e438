import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { guardian } from '../helpers/guardian';
import { signallingModes } from '../helpers/modes';
import { canMakePidNamespace, inPidNamespace } from '../helpers/namespaces';
import { runInNode, valueInNode } from '../helpers/node';
import { letterOf, running, statField } from '../helpers/proc';
import { canBecomeNobody, nobody, sleeper, sleepers } from '../helpers/processes';
import { until } from '../helpers/until';

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
