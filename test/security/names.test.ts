import { FreezeMode, FreezeState, NotStoppedError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { listsDescendants } from '../helpers/descendants';
import { signallingModes } from '../helpers/modes';
import { runInNode } from '../helpers/node';
import { running, statText, stopped } from '../helpers/proc';
import { family } from '../helpers/processes';

/** A process chooses its name, 15 bytes that /proc shows as they are, in the middle of other fields. */
const names = {
  'the fields of a stopped process': ') T 1 1 1 0 (',
  'the fields of a running process': 'x) R 1 1 (',
  'only parentheses': ')))(((',
  'line breaks and a field of status': 'a\nTgid:\t1\nb',
  'escape sequences of a terminal': '\u001B[2J\u001B]0;x\u0007',
  'escape sequences of one character, and letters that go backwards': '\u009B2J\u202Ex\u2028y',
  'bytes that are no UTF-8 once they are cut': 'ééééééééé',
} as const;

describe.each(Object.entries(names))('a process that is named like %s', (_, name) => {
  it.each(signallingModes)('is frozen, shown as stopped, and thawed in mode %s', async (mode) => {
    const { pid, pids } = await family(['named', name, 'tree', '1', '1'], 2);
    expect(statText(pid)).not.toContain('(target)');
    const state = new FreezeState(mode, pid);
    const covered = listsDescendants(mode) ? [...new Set([pid, ...pids])] : [pid];
    for (const _round of [0, 1, 2]) {
      expect(state.inspect()[0]?.state).not.toBe('stopped');
      const report = await state.confirmFreezeAtEpoch(state.currentEpoch, { timeout: 20_000 });
      expect(report.isFrozen).toBe(true);
      expect(state.inspect().map((one) => [one.pid, one.state])).toEqual(covered.map((one) => [one, 'stopped']));
      state.unfreeze();
      await running(...covered);
    }
  });

  it.each(['none', 'no-pidfd'])('is thawed by the guardian (system: %s)', async (launch) => {
    const { pid } = await family(['named', name, 'tree', '0', '0'], 1);
    const ending = await runInNode(
      ({ FreezeState: State, stoppedNow }, member) => {
        const state = new State('process', member);
        if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
        stoppedNow(member);
        process.kill(process.pid, 'SIGKILL');
      },
      [pid],
      { launch: [launch] },
    );
    expect(ending).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    await running(pid);
  });

  it('is quoted in an error, on one line', async () => {
    const { pids } = await family(['named', name, 'hold'], 1);
    const state = FreezeState.withPids(FreezeMode.Process, pids);
    const error: unknown = await state.confirmFreezeAtEpoch(0, { timeout: 50 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotStoppedError);
    expect((error as Error).message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect((error as Error).message).toContain(`${pids[0]} ("`);
  });
});

it('a name does not let a process pass for a thread, nor for one of the kernel', async () => {
  const { pid } = await family(['named', 'a\nTgid:\t1\nKthread:', 'tree', '0', '0'], 1);
  const state = new FreezeState(FreezeMode.Process, pid);
  expect(state.freezeAtEpoch(0)).toBe(true);
  await stopped(pid);
  state.close();
});
