import { once } from 'node:events';
import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, cgroupErrorOf, madeUnder, own, processesOf, write } from '../helpers/cgroups';
import { controller, handDown } from '../helpers/controllers';
import { signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { cgroupMount, cgroupOf, isStopped, letterOf, running, stopped } from '../helpers/proc';
import { sleeper, start, tree } from '../helpers/processes';
import { until } from '../helpers/until';

const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

/** A process in a cgroup of the test's own, which no controller keeps it out of yet. */
function sleeperIn(path: string): number {
  const { pid } = sleeper();
  write(path, 'cgroup.procs', pid);
  return pid;
}

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('leaving a cgroup', () => {
  it.each(['path', 'parent'] as const)(
    'of a %s: close reads as much for each of many members as for each of few',
    async (which) => {
      const group = cgroup();
      const read = async (count: number): Promise<number> => {
        const { pids } = await tree(count, 1);
        const bytes = await valueInNode(
          ({ FreezeState: State }, members, options) => {
            const { readFileSync } = process.getBuiltinModule('node:fs');
            // All that this process has read, see proc_pid_io(5).
            const now = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
            const state = State.withPids('cgroup', members, { cgroup: options });
            const before = now();
            state.close();
            return now() - before;
          },
          [pids, { [which]: group } as { path: string }],
        );
        return bytes / pids.length;
      };
      expect(await read(240)).toBeLessThan(2 * (await read(30)));
    },
  );

  describe.runIf(controller !== '')('for one that takes no processes any more, since it has controllers', () => {
    it.each(['unregisterPid', 'close'] as const)('by %s: the process goes next to the group', async (how) => {
      const [parent, origin] = [cgroup(cgroupMount()), cgroup(cgroupMount())];
      const pid = sleeperIn(origin);
      const state = open({ cgroup: { parent } }, pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      handDown(origin);
      if (how === 'unregisterPid') expect(state.unregisterPid(pid)).toBe(true);
      else state.close();
      expect(cgroupOf(pid)).toBe(parent);
      await running(pid);
      state.close();
      expect(madeUnder(parent)).toEqual([]);
    });

    it('by close, if the one next to the group takes none: the process goes to the nearest that does', async () => {
      const parent = cgroup(cgroupMount());
      const origin = cgroup(cgroup(cgroupMount()));
      const whole = await tree(1, 1);
      for (const one of whole.pids) write(origin, 'cgroup.procs', one);
      const state = open({ cgroup: { parent } }, whole.pid);
      for (const one of whole.pids) write(cgroupOf(whole.pid), 'cgroup.procs', one);
      for (const path of [origin, parent]) handDown(path);
      state.close();
      for (const one of whole.pids) expect(cgroupOf(one)).toBe(cgroupMount());
      expect(madeUnder(parent)).toEqual([]);
    });

    it('where no cgroup takes the process: the error names the one that was written to, and why', async () => {
      const [top, mount] = [cgroup(cgroupMount()), `/tmp/freeze-state-test-${process.pid}`];
      const [origin, group] = [cgroup(top), cgroup(top)];
      const pid = sleeperIn(origin);
      handDown(cgroupMount());
      const result = await valueInNode(
        ({ FreezeState: State, failure, letterOf: letter }, member, above, names, name) => {
          const { writeFileSync } = require('node:fs') as typeof import('node:fs');
          const state = new State('cgroup', member, { cgroup: { path: `${above}/${names[1]}` } });
          for (const path of [above, `${above}/${names[0]}`]) {
            writeFileSync(`${path}/cgroup.subtree_control`, `+${name}`);
          }
          const frozen = state.freezeAtEpoch(0);
          const [left, pids] = [failure(() => state.unregisterPid(member)), state.pids];
          const isHeld = letter(member) === 'T';
          return { frozen, left, pids, isHeld, closed: failure(() => state.close()) };
        },
        [pid, mount, [origin, group].map((path) => path.slice(top.length + 1)), controller],
        // A mount that shows no more than these: the root, which takes whatever there is, is out of sight.
        {
          under: [
            'unshare',
            '--mount',
            'sh',
            '-c',
            `mkdir -p ${mount} && mount --bind ${top} ${mount} && umount ${cgroupMount()} && exec "$@"`,
            '-',
          ],
        },
      );
      rmdirSync(mount);
      expect(result).toMatchObject({ frozen: true, pids: [pid] });
      for (const { code, syscall, message } of [result.left, result.closed]) {
        expect({ code, syscall }).toEqual({ code: 'ERR_FREEZE_CGROUP', syscall: 'write' });
        expect(message).toContain(
          `process ${pid} could not be moved into ${mount}/${origin.slice(top.length + 1)} (write: EBUSY)`,
        );
        expect(message).toContain('controllers enabled for the groups below it');
        expect(message).toContain('cgroup.subtree_control`');
      }
      expect(result.left.message).toMatch(/It stays registered\.$/);
      expect(result.closed.message).toMatch(/The state is closed; what could not be moved out stays where it is\.$/);
      expect(cgroupOf(pid)).toBe(group);
      await running(pid);
    });

    it('refuses an external group with controllers when the state is made, or at the registration if it got them later', () => {
      const path = cgroup(cgroupMount());
      const state = open({ cgroup: { path } });
      handDown(path);
      const { pid } = sleeper();
      const late = cgroupErrorOf(() => state.registerPid(pid));
      expect(late).toMatchObject({ reason: 'has-controllers', path });
      expect(late.message).toContain(`process ${pid} could not be moved into ${path} (write: EBUSY)`);
      expect(late.message).toMatch(/It was not registered\.$/);
      expect(cgroupOf(pid)).toBe(own);
      state.close();
      const early = cgroupErrorOf(() => open({ cgroup: { path } }));
      expect(early).toMatchObject({ reason: 'has-controllers', path });
      expect(early).not.toHaveProperty('errno');
      expect(early.message).toContain(`${path} takes no processes`);
      expect(early.message).toContain(`> ${path}/cgroup.subtree_control`);
      expect(early.message).toMatch(/No state was made\.$/);
    });
  });

  describe('one of two states that register the same process', () => {
    it.each(['unregisterPid', 'close'] as const)(
      'is needed before the second state may have it: by %s of the first',
      async (how) => {
        const origin = cgroup();
        const pid = sleeperIn(origin);
        const [first, second] = [open(undefined, pid), open()];
        const group = cgroupOf(pid);
        expect(first.freezeAtEpoch(0)).toBe(true);
        await stopped(pid);
        const error = cgroupErrorOf(() => second.registerPid(pid));
        expect(error).toMatchObject({ code: 'ERR_FREEZE_CGROUP', reason: 'held-by-another', path: group });
        expect(error.message).toContain(`process ${pid} is in ${group}, the group of another FreezeState`);
        expect(error.message).toMatch(/Unregister it there first, or close that state\. It was not registered\.$/);
        expect(second.pids).toEqual([]);
        expect([cgroupOf(pid), isStopped(pid)]).toEqual([group, true]);
        if (how === 'close') first.close();
        else first.unregisterPid(pid);
        await running(pid);
        expect(cgroupOf(pid)).toBe(origin);
        second.registerPid(pid);
        expect(second.freezeAtEpoch(0)).toBe(true);
        await stopped(pid);
        for (const state of [second, first]) state.close();
        await running(pid);
        expect(cgroupOf(pid)).toBe(origin);
        expect(madeUnder(own)).toEqual([]);
      },
    );

    it('is needed for the child of a member too, since its state freezes that as well', async () => {
      const whole = await tree(1, 1);
      const [root, child = 0] = whole.pids as [number, ...number[]];
      const [first, second] = [open(undefined, root), open()];
      write(cgroupOf(root), 'cgroup.procs', child);
      expect(cgroupErrorOf(() => second.registerPid(child))).toMatchObject({ reason: 'held-by-another' });
      for (const state of [first, second]) state.close();
      for (const pid of whole.pids) expect(cgroupOf(pid)).toBe(own);
    });

    it('is not needed where a foreign process has moved the member out: the second state takes and keeps it', async () => {
      const { pid } = sleeper();
      const [first, second] = [open(undefined, pid), open()];
      write(own, 'cgroup.procs', pid);
      second.registerPid(pid);
      expect(cgroupErrorOf(() => first.freezeAtEpoch(0))).toMatchObject({ reason: 'member-left' });
      expect(cgroupErrorOf(() => first.registerPid(pid))).toMatchObject({ reason: 'held-by-another' });
      first.close();
      expect(second.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      second.close();
      await running(pid);
      expect(cgroupOf(pid)).toBe(own);
    });

    it('of an external group that both share moves the member only when the last state releases it', async () => {
      const [path, origin] = [cgroup(), cgroup()];
      const pid = sleeperIn(origin);
      const [first, second] = [open({ cgroup: { path } }, pid), open({ cgroup: { path } }, pid)];
      first.close();
      expect(cgroupOf(pid)).toBe(path);
      expect(second.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      second.close();
      expect(cgroupOf(pid)).toBe(origin);
      await running(pid);
    });
  });

  describe('an orphan, whose parent was registered and has exited', () => {
    const orphanOf = async (options?: FreezeOptions): Promise<[FreezeState, number]> => {
      const { pid = 0, stdin, stdout } = start('sh', ['-c', 'read go; sleep 60 >&- 2>&- & echo $!']);
      const state = open(options, pid);
      stdin.write('\n');
      const [line] = (await once(stdout, 'data')) as [Buffer];
      await until(() => letterOf(pid) === '', 'the shell is gone');
      return [state, Number(line.toString())];
    };

    it('leaves an owned group with all the rest, and stays in an external one, as what others put there does', async () => {
      const path = cgroup();
      for (const options of [undefined, { cgroup: { path } }]) {
        const [state, orphan] = await orphanOf(options);
        try {
          const group = cgroupOf(orphan);
          state.close();
          expect(cgroupOf(orphan)).toBe(options === undefined ? own : path);
          expect(existsSync(group)).toBe(options !== undefined);
          expect(isStopped(orphan)).toBe(false);
        } finally {
          process.kill(orphan, 'SIGKILL');
          await until(() => letterOf(orphan) === '' || letterOf(orphan) === 'Z', 'the orphan is gone');
        }
      }
      expect(readFileSync(join(path, 'cgroup.freeze'), 'latin1')).toBe('0\n');
      await until(() => processesOf(path).length === 0, 'no process is in it');
    });
  });
});
