import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { sleeper, start, type Target } from '../helpers/processes';
import { turns } from '../helpers/until';

type Fatal = 'SIGTERM' | 'SIGHUP' | 'SIGINT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGQUIT';

/** Whether the signal was sent and not taken yet: ShdPnd in proc_pid_status(5). */
function isPending(pid: number, signal: Fatal): boolean {
  const [, mask = '0'] = /^ShdPnd:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return (BigInt(`0x${mask}`) & (1n << BigInt(constants.signals[signal] - 1))) !== 0n;
}

/** A process that ends with code 7 by its handler of the signal, or when its input ends. */
async function withHandler(signal: Fatal, mode: FreezeMode): Promise<Target> {
  const program = `process.on('${signal}', () => process.exit(7)); process.stdin.resume(); console.log('ready');`;
  const child = start(process.execPath, ['-e', program], fitFor(mode));
  await once(child.stdout, 'data');
  return { pid: child.pid as number, child };
}

async function frozen(mode: FreezeMode, target: Target): Promise<FreezeState> {
  const state = new FreezeState(mode, target.pid);
  expect(await state.confirmFreezeAtEpoch(0)).toMatchObject({ isFrozen: true });
  return state;
}

/** Sends the signal, and shows that it waits, even after another process was killed and reaped. */
async function waits(target: Target, signal: Fatal): Promise<void> {
  target.child.kill(signal);
  const other = sleeper();
  other.child.kill('SIGKILL');
  await once(other.child, 'exit');
  await turns();
  expect(target.child.exitCode).toBeNull();
  expect(target.child.signalCode).toBeNull();
  expect(isPending(target.pid, signal)).toBe(true);
}

describe.each(signallingModes)('to a process that is frozen in mode %s,', (mode) => {
  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1'] as const)(
    '%s without a handler ends it: at once in a control group, else at the thaw',
    async (signal) => {
      const target = sleeper(fitFor(mode));
      const state = await frozen(mode, target);
      const exit = once(target.child, 'exit');
      if (mode === FreezeMode.Cgroup) {
        // At once: the state is frozen still when it has ended.
        target.child.kill(signal);
        expect(await exit).toEqual([null, signal]);
        expect(state.isFrozen).toBe(true);
      } else {
        await waits(target, signal);
        state.unfreeze();
        expect(await exit).toEqual([null, signal]);
      }
      state.close();
    },
  );

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1'] as const)('%s with a handler waits', async (signal) => {
    const target = await withHandler(signal, mode);
    const state = await frozen(mode, target);
    await waits(target, signal);
    const exit = once(target.child, 'exit');
    state.unfreeze();
    expect(await exit).toEqual([7, null]);
    state.close();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s to a Node program without process.on waits: Node has a handler',
    async (signal) => {
      const target = await withHandler('SIGUSR2', mode);
      const state = await frozen(mode, target);
      await waits(target, signal);
      const exit = once(target.child, 'exit');
      state.unfreeze();
      expect(await exit).toEqual([null, signal]);
      state.close();
    },
  );

  it('SIGQUIT, which may dump a core, waits', async () => {
    const target = sleeper(fitFor(mode));
    const state = await frozen(mode, target);
    await waits(target, 'SIGQUIT');
    const exit = once(target.child, 'exit');
    state.unfreeze();
    expect(await exit).toEqual([null, 'SIGQUIT']);
    state.close();
  });

  it('SIGKILL ends it at once', async () => {
    const target = sleeper(fitFor(mode));
    const state = await frozen(mode, target);
    const exit = once(target.child, 'exit');
    target.child.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect(state.isFrozen).toBe(true);
    state.close();
  });
});
