import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { FreezeClosedError, FreezeMode, FreezeState, NotStoppedError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { isStopped, running, statField } from '../helpers/proc';
import { family, sleeper, type Target } from '../helpers/processes';
import { frozen } from '../helpers/reports';
import { turns, until, untilNow } from '../helpers/until';

/** One that takes no stop for as long as its input is open. */
const stubborn = (): Promise<Target & { pids: readonly number[] }> => family(['vfork'], 1);

/** As this test may read it: a kernel that tells nobody, and one that does not tell this user, says 0. */
function waitChannelOf(pid: number): string | undefined {
  const channel = readFileSync(`/proc/${pid}/wchan`, 'latin1');
  return channel === '0' || channel === '' ? undefined : channel;
}

// The kernel freezes what is in vfork(2) with its cgroup; a signal has to wait for it.
describe.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
  'where a member does not stop, in mode %s,',
  (mode) => {
    it('the confirmation times out, rolls the freeze back and names the member', async () => {
      const { pid, pids, child } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const error = await state.confirmFreezeAtEpoch(0, { timeout: 50 }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NotStoppedError);
      expect(error).toMatchObject({ code: 'ERR_FREEZE_NOT_STOPPED', timeout: 50 });
      const { processes, message } = error as NotStoppedError;
      // On a busy machine another one may not have had a processor within that time.
      expect(processes.filter(({ state }) => state !== 'R')).toEqual([
        expect.objectContaining({ pid, name: 'target', state: 'D', isInVfork: true }),
      ]);
      expect(message).toMatch(
        new RegExp(
          `^Process(es)? .*${pid} \\("target", .*D.*, waits in vfork\\).* signalled and did not stop within 50 ms`,
        ),
      );
      // It sleeps there for as long as its child has its memory.
      const channel = waitChannelOf(pid);
      expect(processes.find((one) => one.pid === pid)?.waitChannel).toBe(channel);
      expect(message).toContain(channel === undefined ? '", state D' : `", D in ${channel}`);
      expect((error as Error).stack).toMatch(/\n {4}at .*pending\.test\.ts/);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      await running(other, pid, ...pids);
      expect(isStopped(other)).toBe(false);
      child.stdin.end();
      state.close();
    });

    it('the confirmation probes once with a timeout of 0', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      await expect(state.confirmFreezeAtEpoch(0, { timeout: 0 })).rejects.toThrow(NotStoppedError);
      expect(isStopped(pid)).toBe(false);
      state.close();
    });

    it('an unfreeze from this thread ends the confirmation', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      // A tree is frozen once it has been found, which is later.
      if (!state.isFrozen) await state.waitForStateChange();
      state.unfreeze();
      expect(await confirming).toMatchObject({ isFrozen: false, epoch: 0, reason: 'thawed' });
      expect(isStopped(pid)).toBe(false);
      state.close();
    });

    it('an unfreeze from another thread ends the confirmation', async () => {
      const { pid } = await stubborn();
      const result = await valueInNode(
        async ({ FreezeState: State, worker, letterOf: letter }, ofMode, member) => {
          const state = new State(ofMode, member);
          const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
          const { isFrozen: frozen } = state.isFrozen ? state.snapshot() : await state.waitForStateChange();
          const thawer = worker(({ FreezeState: Other }, handle) => Other.attach(handle).unfreeze(), state.share());
          // Listened for from here on: it may end before the confirmation does.
          const exit = new Promise((resolve) => thawer.once('exit', resolve));
          const { isFrozen: confirmed } = await confirming;
          // It ends when the epoch has moved on; the thaw in the other thread may not have sent its signals by then.
          await exit;
          return { frozen, confirmed, letterThen: letter(member), epoch: state.currentEpoch };
        },
        [mode, pid],
      );
      expect(result).toEqual({ frozen: true, confirmed: false, letterThen: expect.stringMatching(/[RSD]/), epoch: 1 });
    });

    it('an abort rolls the freeze back, and its reason is that of the rejection', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const reason = new Error('no longer');
      const controller = new AbortController();
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: controller.signal });
      controller.abort(reason);
      await expect(confirming).rejects.toBe(reason);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      expect(isStopped(pid)).toBe(false);
      // An abort that came first leaves everything as it was.
      await expect(state.confirmFreezeAtEpoch(1, { signal: controller.signal })).rejects.toBe(reason);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      state.close();
    });

    it('an abort that comes just when the last member stops still rejects', async () => {
      const { pid, pids } = await stubborn();
      const state = new FreezeState(mode, pid);
      const controller = new AbortController();
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: controller.signal });
      for (const one of pids) process.kill(one, 'SIGKILL');
      // It stops without a turn of the event loop in which the confirmation could see that.
      untilNow(() => statField(pid, 3) === 'T', 'it has stopped');
      controller.abort();
      await expect(confirming).rejects.toMatchObject({ name: 'AbortError' });
      expect(state.isFrozen).toBe(false);
      state.close();
    });

    it('G4: an error of the signal itself rejects, and nothing stays stopped', async () => {
      const { pid } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const { signal } = new AbortController();
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal });
      const waiting = state.waitForStateChange({ since: state.snapshot(), timeout: 20_000 });
      const error = new RangeError('not now');
      Object.defineProperty(signal, 'aborted', {
        get: () => {
          throw error;
        },
      });
      await expect(confirming).rejects.toBe(error);
      expect(state.isFrozen).toBe(false);
      await waiting;
      await running(other);
      state.close();
    });

    it('an abort does not roll back a freeze that another call made', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await expect(
        state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: AbortSignal.timeout(5) }),
      ).rejects.toThrow();
      expect(state.isFrozen).toBe(true);
      state.close();
    });

    it('a member that is unregistered meanwhile is left out of the report', async () => {
      const { pid } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.unregisterPid(pid);
      expect((await confirming).members).toEqual([{ pid: other, outcome: 'stopped' }]);
      state.close();
    });

    it('a member that is unregistered late is not waited for any more', async () => {
      const { pid } = await stubborn();
      const last = await stubborn();
      const state = FreezeState.withPids(mode, [pid, last.pid]);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      await until(() => state.isFrozen, 'both were signalled');
      // By now it has looked at both, time and again.
      await turns(300);
      state.unregisterPid(pid);
      process.kill(-last.pid, 'SIGKILL');
      const { members } = await frozen(confirming);
      expect(members.map((one) => one.pid)).not.toContain(pid);
      state.close();
    });

    it('close by this thread ends the confirmation', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.close();
      await expect(confirming).rejects.toThrow(FreezeClosedError);
      expect(isStopped(pid)).toBe(false);
    });

    it('close by another thread ends the confirmation', async () => {
      const { pid } = await stubborn();
      const result = await valueInNode(
        async ({ FreezeState: State, worker, letterOf: letter, failure }, ofMode, member) => {
          const state = new State(ofMode, member);
          const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
          const closer = worker(({ FreezeState: Other }, handle) => Other.attach(handle).close(), state.share());
          const exit = new Promise((resolve) => closer.once('exit', resolve));
          const error: unknown = await confirming.catch((reason: unknown) => reason);
          const { name } = failure(() => {
            throw error;
          });
          await exit;
          return { name, letter: letter(member) };
        },
        [mode, pid],
      );
      expect(result).toEqual({ name: 'FreezeClosedError', letter: expect.stringMatching(/[RSD]/) });
    });

    it('the confirmation resolves when the member dies instead', async () => {
      const { pid, child } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      const exit = once(child, 'exit');
      process.kill(-pid, 'SIGKILL');
      const { members } = await frozen(confirming);
      await exit;
      expect(members.slice(0, 2)).toEqual([
        { pid: other, outcome: 'stopped' },
        { pid, outcome: 'gone' },
      ]);
      state.close();
    });

    it('a confirmation at the next epoch does not end with one before it', async () => {
      const [first, { pid }] = [await stubborn(), sleeper(fitFor(mode))];
      const state = FreezeState.withPids(mode, [first.pid, pid]);
      const early = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.unfreeze();
      state.unregisterPid(first.pid);
      const late = state.confirmFreezeAtEpoch(1);
      expect(await early).toMatchObject({ isFrozen: false, epoch: 0 });
      expect(await late).toMatchObject({ isFrozen: true, epoch: 1, members: [{ pid, outcome: 'stopped' }] });
      expect(state.isFrozen).toBe(true);
      state.close();
    });
  },
);
