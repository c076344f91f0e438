import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { family } from '../helpers/processes';

describe('a confirmation out of descriptors', () => {
  it('in mode process-group says so, and continues all', async () => {
    const { pid, pids } = await family(['group', '2'], 3);
    const result = await valueInNode(
      async ({ FreezeState, full, runningNow }, leader, members) => {
        const state = new FreezeState('process-group', leader);
        const change = state.waitForStateChange();
        // The freeze is one signal, and takes none; the walk that finds who is in the group does.
        const confirming = full(() => state.confirmFreezeAtEpoch(0, { timeout: 20_000 }));
        const { name, code, errno, message } = await confirming.then(String, (error) => error);
        const { epoch, isFrozen } = state.snapshot();
        // A change that this thread has made itself.
        const { epoch: told } = await change;
        runningNow(...members);
        const again = await state.confirmFreezeAtEpoch(epoch);
        state.close();
        return { name, code, errno, message, epoch, isFrozen, told, again: again.isFrozen };
      },
      [pid, pids],
      { launch: ['open-files=96'] },
    );
    expect(result).toMatchObject({
      name: 'ResourceExhaustedError',
      code: 'ERR_FREEZE_RESOURCE_EXHAUSTED',
      errno: -24,
      message: expect.stringMatching(
        /^confirmFreezeAtEpoch: no descriptor for a file \(open: EMFILE\)\..*left no process/,
      ),
      epoch: 1,
      isFrozen: false,
      told: 1,
      again: true,
    });
    await running(...pids);
  });
});
