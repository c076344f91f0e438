import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { letterOf, openPidfds, running, threadsOf } from '../helpers/proc';
import { sleepers, start, tree } from '../helpers/processes';
import { until } from '../helpers/until';

/** The files of /proc that this process has open about those: what each descriptor stands for. */
function filesAbout(...pids: number[]): string[] {
  const files = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd}: ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      // The descriptor of the listing itself.
      return [];
    }
  });
  return files.filter((file) => pids.some((pid) => file.includes(`/proc/${pid}/`))).sort();
}

function freezeAndThaw(state: FreezeState): void {
  expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
  state.unfreeze();
}

describe('the pidfds and the files of /proc that a freeze has used', () => {
  it('stay open for the next freeze of the tree, and close with the state', async () => {
    const { pid, pids } = await tree(3, 2);
    const pidfds = openPidfds();
    const state = new FreezeState(FreezeMode.ProcessTree, pid);
    freezeAndThaw(state);
    const kept = filesAbout(...pids);
    // Of each process its line, and its children.
    expect(kept).toHaveLength(2 * pids.length);
    expect(openPidfds()).toBe(pidfds + pids.length);
    await running(...pids);
    freezeAndThaw(state);
    expect(filesAbout(...pids)).toEqual(kept);
    expect(openPidfds()).toBe(pidfds + pids.length);
    state.close();
    expect(filesAbout(...pids)).toEqual([]);
    expect(openPidfds()).toBe(pidfds);
  });

  it('stay open for the next confirmation of a process with several threads', async () => {
    const child = start(process.execPath, ['-e', 'setInterval(() => {}, 1e9); console.log("begun")']);
    await once(child.stdout, 'data');
    const pid = child.pid as number;
    const state = new FreezeState(FreezeMode.Process, pid);
    await state.confirmFreezeAtEpoch(0);
    const kept = filesAbout(pid);
    expect(kept).toHaveLength(threadsOf(pid).length);
    expect(kept.length).toBeGreaterThan(4);
    state.unfreeze();
    await running(pid);
    await state.confirmFreezeAtEpoch(state.currentEpoch);
    expect(filesAbout(pid)).toEqual(kept);
    state.close();
    expect(filesAbout(pid)).toEqual([]);
  });

  it('are closed by the freeze after the end of their process', async () => {
    const { pid, pids } = await tree(2, 1);
    const leaf = pids.at(-1) as number;
    using state = new FreezeState(FreezeMode.ProcessTree, pid);
    freezeAndThaw(state);
    const pidfds = openPidfds();
    expect(filesAbout(leaf)).toHaveLength(2);
    process.kill(leaf, 'SIGKILL');
    await until(() => 'ZX'.includes(letterOf(leaf)), 'it has ended');
    freezeAndThaw(state);
    expect(filesAbout(leaf)).toEqual([]);
    expect(openPidfds()).toBe(pidfds - 1);
  });

  it('are at most a quarter of the descriptors that the process may have', async () => {
    const { pid } = await tree(60, 1);
    const result = await valueInNode(
      ({ FreezeState }, root) => {
        const { readdirSync, readlinkSync } = process.getBuiltinModule('node:fs');
        const state = new FreezeState('process-tree', root);
        const frozen = [0, 1].map((epoch) => {
          const isFrozen = state.freezeAtEpoch(epoch);
          state.unfreeze();
          return isFrozen;
        });
        const links = readdirSync('/proc/self/fd').map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`);
          } catch {
            return '';
          }
        });
        state.close();
        return { frozen, kept: links.filter((link) => /^\/proc\/\d+\/task\//.test(link)).length };
      },
      [pid],
      { launch: ['open-files=400'] },
    );
    expect(result).toEqual({ frozen: [true, true], kept: 100 });
  });

  it('are not kept where the program has half of its descriptors in use', async () => {
    const { pid } = await tree(5, 1);
    const kept = await valueInNode(
      ({ FreezeState }, root) => {
        const { closeSync, openSync, readdirSync, readlinkSync } = process.getBuiltinModule('node:fs');
        const fill = Array.from({ length: 48 }, () => openSync('/dev/null', 'r'));
        const state = new FreezeState('process-tree', root);
        state.freezeAtEpoch(0);
        state.unfreeze();
        const links = readdirSync('/proc/self/fd').map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`);
          } catch {
            return '';
          }
        });
        for (const fd of fill) closeSync(fd);
        state.close();
        return {
          files: links.filter((link) => /^\/proc\/\d+\/task\//.test(link)).length,
          pidfds: links.filter((link) => link.includes('pidfd')).length,
        };
      },
      [pid],
      { launch: ['open-files=96'] },
    );
    // That of the member.
    expect(kept).toEqual({ files: 0, pidfds: 1 });
  });

  it('are closed if a registration finds no descriptor', async () => {
    const { pid } = await tree(5, 1);
    const [other] = sleepers(1).map((one) => one.pid) as [number];
    const pids = await valueInNode(
      ({ FreezeState }, root, newcomer) => {
        const { closeSync, openSync } = process.getBuiltinModule('node:fs');
        const state = new FreezeState('process-tree', root);
        state.freezeAtEpoch(0);
        state.unfreeze();
        const fill: number[] = [];
        try {
          for (;;) fill.push(openSync('/dev/null', 'r'));
        } catch {
          state.registerPid(newcomer);
        }
        const { pids } = state;
        for (const fd of fill) closeSync(fd);
        state.close();
        return pids;
      },
      [pid, other],
      { launch: ['open-files=96'] },
    );
    expect(pids).toEqual([pid, other]);
  });
});
