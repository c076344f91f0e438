import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper, sleepers } from '../helpers/processes';

describe('out of descriptors', () => {
  const few = { launch: ['open-files=96'] };
  const emfile = 24;

  it('a registration leaves nothing behind, and works again once there is a descriptor', async () => {
    const [first, second, third] = sleepers(3).map(({ pid }) => pid) as [number, number, number];
    const result = await valueInNode(
      ({ FreezeState, failure, stoppedNow, runningNow }, one, two, three) => {
        const { openSync, closeSync } = process.getBuiltinModule('node:fs');
        const state = new FreezeState('process', one);
        const fill: number[] = [];
        const full = () => {
          for (;;) {
            try {
              fill.push(openSync('/dev/null', 'r'));
            } catch {
              return;
            }
          }
        };
        const spare = () => closeSync(fill.pop() as number);
        full();
        const registering = failure(() => state.registerPid(two));
        const constructing = failure(() => new FreezeState('process', two));
        spare();
        const several = failure(() => FreezeState.withPids('process', [two, three]));
        // The descriptor that the first of the two had taken is free again.
        const reopened = failure(() => fill.push(openSync('/dev/null', 'r')));
        const pids = state.pids;
        const froze = state.freezeAtEpoch(0);
        for (let i = 0; i < 8; i += 1) spare();
        stoppedNow(one);
        runningNow(two, three);
        state.registerPid(two);
        stoppedNow(two);
        state.close();
        return { registering, constructing, several, reopened: reopened.name, pids, froze };
      },
      [first, second, third],
      few,
    );
    expect(result.registering).toMatchObject({
      name: 'ResourceExhaustedError',
      code: 'ERR_FREEZE_RESOURCE_EXHAUSTED',
      pid: second,
      errno: -emfile,
      syscall: 'pidfd_open',
    });
    expect(result.registering.message).toContain(`process ${second}`);
    expect(result.registering.message).toContain('pidfd_open: EMFILE');
    expect(result.registering.message).toContain('ulimit -n');
    expect(result.registering.message).toContain('It was not registered.');
    expect(result.constructing).toMatchObject({ name: 'ResourceExhaustedError', pid: second });
    expect(result.several).toMatchObject({ name: 'ResourceExhaustedError', pid: third });
    expect(result.reopened).toBeUndefined();
    expect(result.pids).toEqual([first]);
    expect(result.froze).toBe(true);
  });

  it('members are still signalled by pidfd', async () => {
    const result = await valueInNode(
      ({ FreezeState, failure }) => {
        const { openSync, closeSync } = process.getBuiltinModule('node:fs');
        let last = 0;
        while (failure(() => (last = openSync('/dev/null', 'r'))).name === undefined);
        const { signalling } = FreezeState.capabilities;
        closeSync(last);
        return signalling;
      },
      [],
      few,
    );
    expect(result).toBe('pidfd');
  });
});

describe('a state that is garbage collected', () => {
  it('thaws, and closes its descriptors', async () => {
    const pids = sleepers(3).map(({ pid }) => pid);
    const result = await valueInNode(
      async ({ FreezeState, openPidfds, stoppedNow, letterOf, turn }, members) => {
        const before = openPidfds();
        const drop = () => {
          const state = FreezeState.withPids('process', members);
          state.freezeAtEpoch(0);
          stoppedNow(...members);
          return openPidfds() - before;
        };
        const taken = drop();
        const end = Date.now() + 30_000;
        while (members.some((pid) => letterOf(pid) === 'T') && Date.now() < end) {
          globalThis.gc?.();
          await turn();
        }
        return { taken, letters: members.map(letterOf), left: openPidfds() - before };
      },
      [pids],
      { node: ['--expose-gc'] },
    );
    expect(result.taken).toBe(pids.length);
    expect(result.letters).not.toContain('T');
    expect(result.left).toBe(0);
    await running(...pids);
  });

  it('is freed however its waits have ended', async () => {
    const { pid } = sleeper();
    const left = await valueInNode(
      async ({ FreezeState, openPidfds, turn }, member) => {
        const before = openPidfds();
        const abort = new AbortController();
        process.getBuiltinModule('node:events').setMaxListeners(0, abort.signal);
        const drop = (ending: (state: InstanceType<typeof FreezeState>) => void) => {
          const state = new FreezeState('process', member);
          const options = [{}, { timeout: 60_000, signal: abort.signal }, { ref: false }];
          for (const wait of options) state.waitForStateChange(wait).catch(() => undefined);
          ending(state);
        };
        for (let i = 0; i < 50; i += 1) {
          drop((state) => state.freezeAtEpoch(0));
          drop((state) => state.unfreeze());
          drop((state) => state.forceUnfreeze());
          drop((state) => state.close());
        }
        // A wait that is pending keeps its state, for another thread may still change it; so these are not among them.
        abort.abort();
        const end = Date.now() + 30_000;
        while (openPidfds() > before && Date.now() < end) {
          globalThis.gc?.();
          await turn();
        }
        setImmediate(() => process.exit());
        return openPidfds() - before;
      },
      [pid],
      { node: ['--expose-gc'] },
    );
    expect(left).toBe(0);
    await running(pid);
  });
});
