import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { type NodeOptions, valueInNode } from '../helpers/node';
import { isStopped, running } from '../helpers/proc';
import { canBecomeNobody, nobody, sleeper, sleepers } from '../helpers/processes';

// As root nothing is refused, so the freezer is another user, in a process of its own.
const asNobody: NodeOptions = { launch: [`user=${nobody}`] };

function pidsOf(members: readonly { pid: number }[]): number[] {
  return members.map(({ pid }) => pid);
}

// In a cgroup no process is signalled: a user who may not freeze it may not make it either; cgroup.test.ts.
const modes = signallingModes.filter((mode) => mode !== 'cgroup');

describe.each(modes)('in mode %s', (mode) => {
  const fit = fitFor(mode);

  describe.runIf(canBecomeNobody)('a member that may not be signalled', () => {
    it('fails the freeze, and the others are continued again', async () => {
      const mine = pidsOf(sleepers(2, { ...fit, user: nobody }));
      const { pid: roots } = sleeper(fit);
      const [last = 0] = pidsOf(sleepers(1, { ...fit, user: nobody }));
      const result = await valueInNode(
        ({ FreezeState, failure, letterOf }, pids, ofMode) => {
          const state = FreezeState.withPids(ofMode, pids);
          const error = failure(() => state.freezeAtEpoch(0));
          return { error, letters: pids.map(letterOf), after: state.snapshot(), pids: state.pids };
        },
        [[...mine, roots, last], mode],
        asNobody,
      );
      expect(result.error).toMatchObject({
        name: 'PermissionDeniedError',
        code: 'ERR_FREEZE_PERMISSION_DENIED',
        pid: roots,
      });
      expect(result.error.message).toContain(`process ${roots}`);
      expect(result.error.message).toContain('pidfd_send_signal: EPERM');
      expect(result.error.message).toContain('CAP_KILL');
      expect(result.letters).not.toContain('T');
      expect(result.after).toEqual({ epoch: 0, isFrozen: false });
      expect(result.pids).toEqual([...mine, roots, last]);
      expect([...mine, roots, last].some(isStopped)).toBe(false);
    });

    it('leaves none stopped, however often it is tried', async () => {
      const mine = sleeper({ ...fit, user: nobody });
      const { pid: roots } = sleeper(fit);
      const result = await valueInNode(
        ({ FreezeState, failure, letterOf }, own, others, ofMode) => {
          const state = FreezeState.withPids(ofMode, [own, others]);
          const codes = Array.from({ length: 50 }, () => failure(() => state.freezeAtEpoch(0)).code);
          return { codes: [...new Set(codes)], letter: letterOf(own), frozen: state.isFrozen };
        },
        [mine.pid, roots, mode],
        asNobody,
      );
      expect(result.codes).toEqual(['ERR_FREEZE_PERMISSION_DENIED']);
      expect(result.letter).not.toBe('T');
      expect(result.frozen).toBe(false);
    });

    it('lets the rest be frozen once it is unregistered', async () => {
      const mine = sleeper({ ...fit, user: nobody });
      const { pid: roots } = sleeper(fit);
      const letters = await valueInNode(
        ({ FreezeState, failure, stoppedNow, letterOf }, own, others, ofMode) => {
          const state = FreezeState.withPids(ofMode, [own, others]);
          failure(() => state.freezeAtEpoch(0));
          state.unregisterPid(others);
          const result = state.freezeAtEpoch(0);
          stoppedNow(own);
          return [result, letterOf(own), letterOf(others)];
        },
        [mine.pid, roots, mode],
        asNobody,
      );
      expect(letters).toEqual([true, 'T', expect.stringMatching(/[RSD]/)]);
      // The freezer has ended.
      await running(mine.pid);
    });

    it('may not join a frozen state', async () => {
      const mine = sleeper({ ...fit, user: nobody });
      const { pid: roots } = sleeper(fit);
      const result = await valueInNode(
        ({ FreezeState, failure, openPidfds }, own, others, ofMode) => {
          const state = new FreezeState(ofMode, own);
          state.freezeAtEpoch(0);
          const before = openPidfds();
          const error = failure(() => state.registerPid(others));
          return { error, pids: state.pids, frozen: state.isFrozen, leaked: openPidfds() - before };
        },
        [mine.pid, roots, mode],
        asNobody,
      );
      expect(result.error).toMatchObject({ name: 'PermissionDeniedError', pid: roots });
      expect(result.error.message).toContain('registerPid');
      expect(result.error.message).toContain('It was not registered.');
      expect(result).toMatchObject({ pids: [mine.pid], frozen: true, leaked: 0 });
    });
  });

  // A member that was stopped and then refuses SIGCONT: the freezer changes its user in between. The members are in
  // sessions of their own, since within a session SIGCONT is always permitted (kill(2)).
  describe.runIf(canBecomeNobody)('a member that cannot be continued', () => {
    const foreign = { user: 4242, detached: true } as const;

    it('is reported by the unfreeze, which continues the others, and is tried again by the next', async () => {
      const members = [sleeper({ ...fit, user: nobody }), sleeper(foreign), sleeper({ ...fit, user: nobody })];
      const [first, refusing, last] = pidsOf(members) as [number, number, number];
      const result = await valueInNode(
        ({ FreezeState, failure, stoppedNow, letterOf }, pids, user, ofMode) => {
          const state = FreezeState.withPids(ofMode, pids);
          state.freezeAtEpoch(0);
          stoppedNow(...pids);
          process.seteuid?.(user);
          const refused = failure(() => state.unfreeze());
          const letters = pids.map(letterOf);
          const after = state.snapshot();
          const again = failure(() => state.unfreeze());
          process.seteuid?.(0);
          // The first is ours no longer: the next thaw is about the one that refused.
          process.kill(pids[0] as number, 'SIGSTOP');
          stoppedNow(pids[0] as number);
          state.unfreeze();
          return { refused, letters, after, again, atLast: pids.map(letterOf), epoch: state.currentEpoch };
        },
        [[first, refusing, last], nobody, mode],
      );
      expect(result.refused).toMatchObject({ name: 'PermissionDeniedError', pid: refusing });
      expect(result.refused.message).toContain(`kill -CONT ${refusing}`);
      expect(result.refused.message).toContain('the next unfreeze() tries this one once more');
      const awake = expect.stringMatching(/[RSD]/);
      expect(result.letters).toEqual([awake, 'T', awake]);
      expect(result.after).toEqual({ epoch: 1, isFrozen: false });
      expect(result.again).toMatchObject({ name: 'PermissionDeniedError', pid: refusing });
      expect(result.atLast).toEqual(['T', awake, awake]);
      expect(result.epoch).toBe(3);
    });

    it('with another one makes a MultipleFreezeError', async () => {
      const pids = pidsOf(sleepers(2, foreign));
      const result = await valueInNode(
        ({ FreezeState, failure }, members, user, ofMode) => {
          const state = FreezeState.withPids(ofMode, members);
          state.freezeAtEpoch(0);
          process.seteuid?.(user);
          const refused = failure(() => state.unfreeze());
          process.seteuid?.(0);
          state.unfreeze();
          return refused;
        },
        [pids, nobody, mode],
      );
      expect(result.name).toBe('MultipleFreezeError');
      expect(result.errors).toEqual(pids.map((pid) => ({ name: 'PermissionDeniedError', pid })));
      for (const pid of pids) expect(result.message).toContain(`process ${pid}`);
    });

    it('stays a member when it is unregistered', async () => {
      const { pid } = sleeper(foreign);
      const result = await valueInNode(
        ({ FreezeState, failure, letterOf }, member, user, ofMode) => {
          const state = new FreezeState(ofMode, member);
          state.freezeAtEpoch(0);
          process.seteuid?.(user);
          const refused = failure(() => state.unregisterPid(member));
          const pids = state.pids;
          process.seteuid?.(0);
          return { refused, pids, gone: state.unregisterPid(member), letter: letterOf(member) };
        },
        [pid, nobody, mode],
      );
      expect(result.refused).toMatchObject({ name: 'PermissionDeniedError', pid });
      expect(result.refused.message).toContain('It stays registered.');
      expect(result).toMatchObject({ pids: [pid], gone: true, letter: expect.stringMatching(/[RSD]/) });
    });

    it('is skipped silently by a forced unfreeze, and tried again by an unfreeze', async () => {
      const { pid } = sleeper(foreign);
      const result = await valueInNode(
        ({ FreezeState, failure, stoppedNow, letterOf }, member, user, ofMode) => {
          const state = new FreezeState(ofMode, member);
          state.freezeAtEpoch(0);
          stoppedNow(member);
          process.seteuid?.(user);
          const forced = failure(() => state.forceUnfreeze());
          const letter = letterOf(member);
          process.seteuid?.(0);
          state.unfreeze();
          return { forced, letter, atLast: letterOf(member) };
        },
        [pid, nobody, mode],
      );
      expect(result).toEqual({ forced: {}, letter: 'T', atLast: expect.stringMatching(/[RSD]/) });
    });

    it('makes close throw, and the state is closed all the same', async () => {
      const { pid } = sleeper(foreign);
      const result = await valueInNode(
        ({ FreezeState, failure }, member, user, ofMode) => {
          const state = new FreezeState(ofMode, member);
          state.freezeAtEpoch(0);
          process.seteuid?.(user);
          const refused = failure(() => state.close());
          process.seteuid?.(0);
          return { refused, after: failure(() => state.pids), again: failure(() => state.close()) };
        },
        [pid, nobody, mode],
      );
      expect(result.refused).toMatchObject({ name: 'PermissionDeniedError', pid });
      expect(result.after.name).toBe('FreezeClosedError');
      expect(result.again).toEqual({});
    });

    it('does not keep a waiter asleep', async () => {
      const { pid } = sleeper(foreign);
      const result = await valueInNode(
        async ({ FreezeState, failure }, member, user, ofMode) => {
          const state = new FreezeState(ofMode, member);
          state.freezeAtEpoch(0);
          const change = state.waitForStateChange();
          process.seteuid?.(user);
          const refused = failure(() => state.unfreeze());
          process.seteuid?.(0);
          const seen = await change;
          state.unfreeze();
          return { code: refused.code, seen };
        },
        [pid, nobody, mode],
      );
      expect(result).toEqual({ code: 'ERR_FREEZE_PERMISSION_DENIED', seen: { epoch: 1, isFrozen: false } });
    });
  });

  describe('a signal that fails for another reason', () => {
    const sigstop = 19;
    const enomem = 12;

    it('is a SignalFailedError with errno and call', async () => {
      const { pid } = sleeper(fit);
      const error = await valueInNode(
        ({ FreezeState, failure }, member, ofMode) => {
          const state = new FreezeState(ofMode, member);
          return failure(() => state.freezeAtEpoch(0));
        },
        [pid, mode],
        { launch: [`refuse=${sigstop}:${enomem}`] },
      );
      expect(error).toMatchObject({
        name: 'SignalFailedError',
        code: 'ERR_FREEZE_SIGNAL_FAILED',
        pid,
        errno: -enomem,
        syscall: 'pidfd_send_signal',
      });
      expect(error.message).toContain(`process ${pid}`);
      expect(error.message).toContain('ENOMEM');
      expect(error.message).toContain('left no process stopped');
    });
  });
});
