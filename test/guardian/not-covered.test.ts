import { describe, expect, it, onTestFinished } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { runInNode, valueInNode } from '../helpers/node';
import { isStopped, running, statField, stopped } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { until } from '../helpers/until';

const hasEnded = (pid: number) => ['', 'Z', 'X'].includes(statField(pid, 3));

// docs/guardian.md, "What it does not cover".
describe.runIf(signallingModes.length > 0)('the guardian does not cover', () => {
  it('SIGKILL to itself and the emulator at once: what was frozen stays stopped, and kill -CONT continues it', async () => {
    const { pid } = sleeper();
    const { stdout, signal } = await runInNode(
      ({ FreezeState }, member) => {
        if (!new FreezeState('process', member).freezeAtEpoch(0)) throw new Error('not frozen');
        const { pid: guardian } = FreezeState.capabilities.guardian;
        process.getBuiltinModule('node:fs').writeSync(1, String(guardian));
        // While this process is stopped, all its threads, it cannot replace a guardian that is killed.
        const kill = `kill -STOP ${process.pid}
          for stat in /proc/${process.pid}/task/*/stat; do
            until case "$(cat $stat)" in *') T '*) true ;; *) false ;; esac; do sleep 0.01; done
          done
          kill -KILL ${guardian} ${process.pid}`;
        process.getBuiltinModule('node:child_process').spawn('sh', ['-c', kill], { stdio: 'ignore' }).unref();
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      },
      [pid],
    );
    expect(signal).toBe('SIGKILL');
    await until(() => hasEnded(Number(stdout)), 'the guardian has ended');
    await stopped(pid);
    process.kill(pid, 'SIGCONT');
    await running(pid);
  });

  it('the time in which it is stopped itself: it thaws once it is continued', async () => {
    const { pid } = sleeper();
    const { stdout } = await runInNode(
      ({ FreezeState, stoppedNow }, member) => {
        new FreezeState('process', member).freezeAtEpoch(0);
        const { pid: guardian = 0 } = FreezeState.capabilities.guardian;
        process.kill(guardian, 'SIGSTOP');
        stoppedNow(member, guardian);
        process.getBuiltinModule('node:fs').writeSync(1, String(guardian));
        process.kill(process.pid, 'SIGKILL');
      },
      [pid],
    );
    const guardian = Number(stdout);
    expect(guardian).toBeGreaterThan(1);
    onTestFinished(() => {
      if (!hasEnded(guardian)) process.kill(guardian, 'SIGKILL');
    });
    expect(isStopped(pid)).toBe(true);
    process.kill(guardian, 'SIGCONT');
    await running(pid);
    await until(() => hasEnded(guardian), 'the guardian has ended');
  });

  it('a stop by a foreign process during the freeze: a thaw by the guardian or the emulator ends it', async () => {
    const { pid } = sleeper();
    const { signal } = await runInNode(
      ({ FreezeState, stoppedNow }, member) => {
        new FreezeState('process', member).freezeAtEpoch(0);
        stoppedNow(member);
        process.getBuiltinModule('node:child_process').spawnSync('kill', ['-STOP', String(member)]);
        process.kill(process.pid, 'SIGKILL');
      },
      [pid],
    );
    expect(signal).toBe('SIGKILL');
    await running(pid);
    const { pid: other } = sleeper();
    await valueInNode(
      ({ FreezeState, stoppedNow }, member) => {
        const state = new FreezeState('process', member);
        state.freezeAtEpoch(0);
        stoppedNow(member);
        process.getBuiltinModule('node:child_process').spawnSync('kill', ['-STOP', String(member)]);
        state.unfreeze();
        return true;
      },
      [other],
    );
    await running(other);
  });
});
