import { expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { rounds } from '../helpers/rounds';

const times = rounds({ some: 10, all: 40 });

it.each(signallingModes)(
  `nothing crashes where a worker with states of mode %s is terminated in any call, ${times} times over`,
  async (mode) => {
    const { pid } = sleeper(fitFor(mode));
    const codes = await valueInNode(
      async ({ worker }, ofMode, member, last) => {
        const seen = new Set<number>();
        for (let round = 0; round < last; round += 1) {
          const thread = worker(
            (tools, mine, own) => {
              const { FreezeState } = tools;
              const { parentPort } = require('node:worker_threads');
              for (let loops = 0; ; loops += 1) {
                const state = new FreezeState(mine, own);
                const attached = FreezeState.attach(state.share());
                const hold = attached.hold();
                void [state.pids, state.mode, state.snapshot(), FreezeState.capabilities, state.unregisterPid(own)];
                void state.waitForStateChange({ ref: false }).catch(() => undefined);
                state.waitForStateChangeSync({ timeout: 0 });
                hold.release();
                state.forceUnfreeze();
                state.close();
                if (loops === 20) parentPort.postMessage('busy');
              }
            },
            ofMode,
            member,
          );
          await process.getBuiltinModule('node:events').once(thread, 'message');
          seen.add(await thread.terminate());
        }
        return [...seen];
      },
      [mode, pid, times],
    );
    expect(codes).toEqual([1]);
    await running(pid);
  },
);
