import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { runInNode, type Tools, valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper, sleepers } from '../helpers/processes';

// The main thread looks at the member once the worker has ended: nothing else has thawed it by then.

describe('when a worker ends', () => {
  it('by itself, its states are thawed', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      async ({ worker, letterOf, stoppedNow }, member) => {
        const { once } = process.getBuiltinModule('node:events');
        const thread = worker((tools, own) => {
          const state = new tools.FreezeState('process', own);
          state.freezeAtEpoch(0);
          tools.stoppedNow(own);
          require('node:worker_threads').parentPort.postMessage('frozen');
          require('node:worker_threads').parentPort.once('message', () => state.isFrozen);
        }, member);
        await once(thread, 'message');
        stoppedNow(member);
        thread.postMessage('end');
        const [code] = await once(thread, 'exit');
        return { code, letter: letterOf(member) };
      },
      [pid],
    );
    expect(result).toEqual({ code: 0, letter: expect.stringMatching(/[RSD]/) });
  });

  it('by process.exit, its states are thawed', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      async ({ worker, letterOf }, member) => {
        const thread = worker((tools, own) => {
          new tools.FreezeState('process', own).freezeAtEpoch(0);
          tools.stoppedNow(own);
          process.exit(4);
        }, member);
        const [code] = await process.getBuiltinModule('node:events').once(thread, 'exit');
        return { code, letter: letterOf(member) };
      },
      [pid],
    );
    expect(result).toEqual({ code: 4, letter: expect.stringMatching(/[RSD]/) });
  });

  it('leaves the state of the main thread frozen', async () => {
    const [mine, workers] = sleepers(2).map(({ pid }) => pid) as [number, number];
    const result = await valueInNode(
      async ({ FreezeState, worker, letterOf, stoppedNow }, own, others) => {
        const state = new FreezeState('process', own);
        state.freezeAtEpoch(0);
        stoppedNow(own);
        const thread = worker((tools, member) => {
          new tools.FreezeState('process', member).freezeAtEpoch(0);
          tools.stoppedNow(member);
        }, others);
        await process.getBuiltinModule('node:events').once(thread, 'exit');
        return { own: letterOf(own), others: letterOf(others), frozen: state.isFrozen };
      },
      [mine, workers],
    );
    expect(result).toEqual({ own: 'T', others: expect.stringMatching(/[RSD]/), frozen: true });
    await running(mine);
  });
});

describe.each(signallingModes)('when a worker with states of mode %s ends', (mode) => {
  it('by an uncaught error, its states are thawed', async () => {
    const { pid } = sleeper(fitFor(mode));
    const result = await valueInNode(
      async ({ worker, letterOf }, ofMode, member) => {
        const thread = worker(
          (tools, mine, own) => {
            new tools.FreezeState(mine, own).freezeAtEpoch(0);
            tools.stoppedNow(own);
            throw new Error('on purpose');
          },
          ofMode,
          member,
        );
        const seen: unknown[] = [];
        thread.on('error', (error) => seen.push((error as Error).message));
        const [code] = await new Promise<[number]>((resolve) => thread.on('exit', (exit) => resolve([exit])));
        return { code, seen, letter: letterOf(member) };
      },
      [mode, pid],
    );
    expect(result).toEqual({ code: 1, seen: ['on purpose'], letter: expect.stringMatching(/[RSD]/) });
  });

  it.each(['made', 'frozen', 'waiting', 'closed'])('by terminate while a state is %s, it is thawed', async (stage) => {
    const { pid } = sleeper(fitFor(mode));
    const result = await valueInNode(
      async ({ worker, letterOf }, ofMode, member, how) => {
        const thread = worker(
          (tools, mine, own, at) => {
            const state = new tools.FreezeState(mine, own);
            if (at !== 'made') {
              state.freezeAtEpoch(0);
              tools.stoppedNow(own);
            }
            if (at === 'waiting') void state.waitForStateChange();
            if (at === 'closed') state.close();
            setInterval(() => state, 1000);
            require('node:worker_threads').parentPort.postMessage('ready');
          },
          ofMode,
          member,
          how,
        );
        await process.getBuiltinModule('node:events').once(thread, 'message');
        const code = await thread.terminate();
        return { code, letter: letterOf(member) };
      },
      [mode, pid, stage],
    );
    expect(result).toEqual({ code: 1, letter: expect.stringMatching(/[RSD]/) });
  });

  it.each([
    ['by terminate', 'terminate', 1],
    ['by an uncaught error', 'throw', 1],
    ['since its heap is full', 'fill', 1],
  ] as const)(
    '%s, its children, one of them in a session of its own, and a process that is no child of it run',
    async (_, how, code) => {
      const { pid } = sleeper(fitFor(mode));
      const { detached = false } = fitFor(mode);
      const result = await valueInNode(
        async ({ workerWith, letterOf, stoppedNow }, ofMode, foreign, mustLead, end) => {
          const { once } = process.getBuiltinModule('node:events');
          const thread = workerWith(
            { maxOldGenerationSizeMb: 32 },
            (tools, mine, other, leads, ending) => {
              const { spawn } = require('node:child_process');
              const { parentPort } = require('node:worker_threads');
              const children = [leads, true].map((alone) =>
                spawn('sleep', ['1000'], { stdio: 'ignore', detached: alone }),
              );
              const pids = [...children.map((child) => child.pid ?? 0), other];
              const state = tools.FreezeState.withPids(mine, pids);
              if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
              parentPort.postMessage(pids);
              parentPort.once('message', () => {
                if (ending === 'throw') throw new Error('on purpose');
                // In small objects: if there is no room for a large one, V8 of Node 22 may abort the whole process.
                let kept: object = state;
                for (;;) kept = { kept };
              });
            },
            ofMode,
            foreign,
            mustLead,
            end,
          );
          const [pids] = (await once(thread, 'message')) as [number[]];
          try {
            stoppedNow(...pids);
            thread.on('error', () => undefined);
            const exit = new Promise((resolve) => thread.once('exit', resolve));
            if (end === 'terminate') await thread.terminate();
            else thread.postMessage('end');
            return { code: await exit, letters: pids.map(letterOf).join('') };
          } finally {
            for (const child of pids) if (child !== foreign) process.kill(child, 'SIGKILL');
          }
        },
        [mode, pid, detached, how],
      );
      expect(result).toEqual({ code, letters: expect.stringMatching(/^[RSD]{3}$/) });
    },
  );

  it('by terminate in a busy loop that freezes and thaws, ten times over, its states are thawed', async () => {
    const pids = sleepers(3, fitFor(mode)).map(({ pid }) => pid);
    const result = await valueInNode(
      async ({ worker, letterOf }, ofMode, members) => {
        const letters: string[] = [];
        for (let round = 0; round < 10; round += 1) {
          const thread = worker(
            (tools, mine, own) => {
              const state = tools.FreezeState.withPids(mine, own);
              require('node:worker_threads').parentPort.postMessage('busy');
              for (;;) {
                state.freezeAtEpoch(state.currentEpoch);
                state.unfreeze();
                void state.waitForStateChange();
              }
            },
            ofMode,
            members,
          );
          await process.getBuiltinModule('node:events').once(thread, 'message');
          await thread.terminate();
          letters.push(...members.map(letterOf));
        }
        return [...new Set(letters)].sort();
      },
      [mode, pids],
    );
    expect(result).not.toContain('T');
    await running(...pids);
  });
});

describe('when the main thread ends and a worker goes on', () => {
  it.each([
    ['by process.exit', () => process.exit(6), 6],
    [
      'by an uncaught error',
      () => {
        throw new Error('on purpose');
      },
      1,
    ],
  ] as const)('%s: what the worker froze in its loop runs', async (_, end, code) => {
    const pids = sleepers(3).map(({ pid }) => pid);
    const body = `(tools, pids) => {
      const thread = tools.worker((inWorker, own) => {
        const state = inWorker.FreezeState.withPids('process', own);
        require('node:worker_threads').parentPort.postMessage('busy');
        for (;;) {
          try {
            state.freezeAtEpoch(state.currentEpoch);
            if (state.currentEpoch % 2 === 0) state.unfreeze();
            else new inWorker.FreezeState('process', own[0]).freezeAtEpoch(0);
          } catch {}
        }
      }, pids);
      thread.once('message', ${end});
    }`;
    const carrier = Object.assign((_tools: Tools, _pids: number[]) => undefined, { toString: () => body });
    for (let round = 0; round < 3; round += 1) {
      const ending = await runInNode(carrier, [pids]);
      expect(ending).toMatchObject({ code, signal: null });
      await running(...pids);
    }
  });
});
