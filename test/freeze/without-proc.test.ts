import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { afterMounting, canHideProc, canMakePidNamespace, underForeignProc } from '../helpers/namespaces';
import { valueInNode } from '../helpers/node';
import { foreignThread, sleeper } from '../helpers/processes';

describe.runIf(canHideProc)('where there is no /proc', () => {
  it.each([
    ['kill', ['no-pidfd']],
    ['pidfd', ['none']],
  ])(
    'G7: with %s, the id of a thread is refused, of ours above all, and a process is frozen',
    async (means, launch) => {
      // The program reads there what its threads are.
      const elsewhere = mkdtempSync(join(tmpdir(), 'proc-'));
      try {
        const result = await valueInNode(
          ({ FreezeState, failure }, proc, member, foreign) => {
            const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs');
            const own = readdirSync(`${proc}/self/task`).map(Number);
            // Nothing is frozen that should have been refused: this very process would be stopped.
            const threads = own.filter((thread) => thread !== process.pid);
            const refused = [...threads, foreign].map(
              (thread) => failure(() => new FreezeState('process', thread, { guardian: false })).code,
            );
            const state = new FreezeState('process', member, { guardian: false });
            const isFrozen = state.freezeAtEpoch(0);
            const deadline = Date.now() + 10_000;
            const letter = (): string => readFileSync(`${proc}/${member}/stat`, 'latin1').split(') ')[1]?.[0] ?? '';
            while (letter() !== 'T' && Date.now() < deadline);
            const seen = letter();
            state.close();
            const { signalling, modes } = FreezeState.capabilities;
            return { count: threads.length, refused: [...new Set(refused)], isFrozen, seen, signalling, modes };
          },
          [elsewhere, sleeper().pid, await foreignThread()],
          { launch, under: afterMounting(`mount --bind /proc ${elsewhere} && umount -l /proc`) },
        );
        expect(result).toMatchObject({
          refused: ['ERR_FREEZE_INVALID_PID'],
          isFrozen: true,
          seen: 'T',
          signalling: means,
          modes: {
            process: { available: true },
            'process-tree': { available: false, remedy: expect.stringContaining('mount -t proc') },
            cgroup: { available: false, reason: expect.stringContaining('/proc, which is not mounted here') },
          },
        });
        expect(result.count).toBeGreaterThan(0);
      } finally {
        rmdirSync(elsewhere);
      }
    },
  );
});

describe.runIf(canMakePidNamespace)('where /proc is that of another pid namespace', () => {
  it('G2: a group without its leader is frozen, and no other process is named', async () => {
    const result = await valueInNode(
      async ({ FreezeState, letterOf, runningNow, spawnLeader, untilNow }) => {
        const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs');
        const status = (pid: string): string => {
          try {
            return readFileSync(`/proc/${pid}/status`, 'latin1');
          } catch {
            return '';
          }
        };
        /** Those of a group, by their pids in that /proc. */
        const inGroup = (leader: number): number[] =>
          readdirSync('/proc')
            .filter((pid) => new RegExp(`^NSpgid:\t\\d+\t${leader}$`, 'm').test(status(pid)))
            .map(Number);
        const leader = spawnLeader('group', '1');
        const other = spawnLeader('sleep');
        untilNow(() => inGroup(leader.pid).length === 2, 'the leader has forked');
        const state = FreezeState.withPids('process-group', [leader.pid, other.pid]);
        leader.kill('SIGKILL');
        await new Promise((resolve) => leader.once('exit', resolve));
        const [left = 0, ...more] = inGroup(leader.pid);
        const isFrozen = state.freezeAtEpoch(0);
        untilNow(() => letterOf(left) === 'T', 'the one that is left is stopped');
        state.unfreeze();
        runningNow(left);
        const error = await state.confirmFreezeAtEpoch(1, { timeout: 50 }).catch((caught: unknown) => caught);
        const { name, processes } = error as { name: string; processes: { pid: number }[] };
        runningNow(left);
        const { signalling, modes } = FreezeState.capabilities;
        state.close();
        process.kill(-leader.pid, 'SIGKILL');
        other.kill('SIGKILL');
        return {
          more,
          isFrozen,
          name,
          isOurs: processes.every(({ pid }) => [leader.pid, other.pid].includes(pid)),
          signalling,
          modes,
        };
      },
      [],
      { under: underForeignProc },
    );
    expect(result).toMatchObject({
      more: [],
      isFrozen: true,
      name: 'NotStoppedError',
      isOurs: true,
      signalling: 'pidfd',
      modes: {
        process: { available: true },
        'process-tree': { available: false, reason: expect.stringContaining('is that of another pid namespace') },
        cgroup: { available: false, reason: expect.stringContaining('is that of another pid namespace') },
      },
    });
  });

  it('G7: without pidfds no number in it is taken for one here', async () => {
    const result = await valueInNode(
      ({ FreezeState, untilNow, spawnTarget }) => {
        const member = spawnTarget('sleep');
        const state = new FreezeState('process', member.pid, { guardian: false });
        const isFrozen = state.freezeAtEpoch(0);
        // By waitid(2), since it is a child.
        untilNow(() => state.inspect()[0]?.state === 'stopped', 'it is seen stopped');
        state.close();
        member.kill('SIGKILL');
        return { isFrozen, signalling: FreezeState.capabilities.signalling };
      },
      [],
      { launch: ['no-pidfd'], under: underForeignProc },
    );
    expect(result).toEqual({ isFrozen: true, signalling: 'kill' });
  });

  it('G2: with pidfds no number in it is taken for one here, in any confirmation', async () => {
    const result = await valueInNode(
      async ({ FreezeState, spawnTarget }) => {
        const { existsSync } = process.getBuiltinModule('node:fs');
        // Until one has the number of a process out there.
        const targets = [spawnTarget('sleep')];
        while (!existsSync(`/proc/${targets.at(-1)?.pid}`) && targets.length < 200) targets.push(spawnTarget('sleep'));
        const member = targets.at(-1) as (typeof targets)[0];
        const isBoth = existsSync(`/proc/${member.pid}`);
        const state = new FreezeState('process', member.pid, { guardian: false });
        const before = state.inspect()[0]?.state;
        // By waitid(2), since it is a child.
        const { isFrozen } = await state.confirmFreezeAtEpoch(0, { timeout: 10_000 });
        const seen = state.inspect()[0]?.state;
        state.close();
        for (const target of targets) target.kill('SIGKILL');
        return { isBoth, before, isFrozen, seen, signalling: FreezeState.capabilities.signalling };
      },
      [],
      { under: underForeignProc },
    );
    expect(result).toEqual({
      isBoth: true,
      before: 'running',
      isFrozen: true,
      seen: 'stopped',
      signalling: 'pidfd',
    });
  });

  it('waitForExit does not wait for a process that has the pid there', async () => {
    const result = await valueInNode(
      async ({ FreezeState, failure }) => {
        const own = Number(process.getBuiltinModule('node:fs').readlinkSync('/proc/self'));
        const { code } = failure(() => process.kill(own, 0));
        await FreezeState.waitForExit([own], { timeout: 10_000 });
        return { isAnother: own !== process.pid, code };
      },
      [],
      { launch: ['no-pidfd'], under: underForeignProc },
    );
    expect(result).toEqual({ isAnother: true, code: 'ESRCH' });
  });

  it('the end of a Sandbox finds its child by Node alone', async () => {
    const { ended, pid } = await valueInNode(
      async () => {
        const { Sandbox } = require('freeze-state/sandbox') as typeof import('freeze-state/sandbox');
        const sandbox = new Sandbox({ mode: 'process', freezeAfter: false });
        const { pid: child } = sandbox.spawn('sleep', ['60']);
        return { ended: await sandbox.terminate(), pid: child };
      },
      [],
      { under: underForeignProc },
    );
    expect(ended).toEqual([{ pid, isChild: true, wasKilled: false, signalCode: 'SIGTERM' }]);
  });
});
