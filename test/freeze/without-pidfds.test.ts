import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { isStopped, running } from '../helpers/proc';
import {
  canBecomeNobody,
  foreignThread,
  killed,
  nobody,
  sleeper,
  sleepers,
  zombieOfAnother,
} from '../helpers/processes';

// pidfd_open and pidfd_send_signal answer ENOSYS, as under an old kernel or a strict seccomp filter.
const options = { launch: ['no-pidfd'] };

describe('where there are no pidfds', () => {
  it('signalling is by start time, and every operation works', async () => {
    const pids = sleepers(3).map(({ pid }) => pid);
    const result = await valueInNode(
      ({ FreezeState, stoppedNow, runningNow }, first, second, late) => {
        const state = FreezeState.withPids('process', [first, second]);
        const seen: unknown[] = [FreezeState.capabilities.signalling, FreezeState.capabilities.modes.process.available];
        seen.push(state.freezeAtEpoch(0), state.isFrozen);
        stoppedNow(first, second);
        state.registerPid(late);
        stoppedNow(late);
        seen.push(state.pids.length, state.unregisterPid(late));
        runningNow(late);
        stoppedNow(first, second);
        state.unfreeze();
        runningNow(first, second);
        seen.push(state.freezeAtEpoch(0), state.freezeAtEpoch(1));
        stoppedNow(first, second);
        state.forceUnfreeze();
        runningNow(first, second);
        seen.push(state.freezeAtEpoch(2));
        stoppedNow(first, second);
        state.close();
        runningNow(first, second);
        return seen;
      },
      pids as [number, number, number],
      options,
    );
    expect(result).toEqual(['start-time', true, true, true, 3, true, false, true, true]);
  });

  it('members that have exited are gone, zombies too', async () => {
    const [dead, live] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
    const zombie = await zombieOfAnother();
    await killed(dead);
    const result = await valueInNode(
      ({ FreezeState, failure, stoppedNow }, deadPid, zombiePid, livePid) => {
        const alone = new FreezeState('process', zombiePid);
        const gone = failure(() => alone.freezeAtEpoch(0));
        const state = FreezeState.withPids('process', [deadPid, zombiePid, livePid]);
        const froze = state.freezeAtEpoch(0);
        stoppedNow(livePid);
        return { gone: gone.name, froze, pids: state.pids };
      },
      [dead.pid, zombie, live.pid],
      options,
    );
    expect(result).toEqual({ gone: 'ProcessNotFoundError', froze: true, pids: [live.pid] });
    await running(live.pid);
  });

  it('a thread is no process', async () => {
    const tid = await foreignThread();
    const error = await valueInNode(
      ({ FreezeState, failure }, thread) => failure(() => new FreezeState('process', thread)),
      [tid],
      options,
    );
    expect(error).toMatchObject({ name: 'InvalidPidError', code: 'ERR_FREEZE_INVALID_PID', pid: tid });
    expect(error.message).toContain('the id of a thread');
  });

  it.runIf(canBecomeNobody)('a member that may not be signalled fails the freeze, by kill', async () => {
    const mine = sleeper({ user: nobody });
    const { pid: roots } = sleeper();
    const error = await valueInNode(
      ({ FreezeState, failure }, pids) => failure(() => FreezeState.withPids('process', pids).freezeAtEpoch(0)),
      [[mine.pid, roots]],
      { launch: ['no-pidfd', `user=${nobody}`] },
    );
    expect(error).toMatchObject({ name: 'PermissionDeniedError', pid: roots });
    expect(error.message).toContain('(kill: EPERM)');
    expect(isStopped(mine.pid)).toBe(false);
  });

  it('the exit of this process thaws its members', async () => {
    const { pid } = sleeper();
    await valueInNode(
      ({ FreezeState, stoppedNow }, member) => {
        new FreezeState('process', member).freezeAtEpoch(0);
        stoppedNow(member);
        process.on('exit', () => process.exit(0));
        return true;
      },
      [pid],
      options,
    );
    await running(pid);
  });
});
