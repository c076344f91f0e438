import { describe, expect, it } from 'vitest';
import { runInNode, type Tools } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper, sleepers } from '../helpers/processes';

/** Four states, each with a member: one made, one frozen, one frozen and waiting, one closed. Runs in the child. */
function make({ FreezeState, stoppedNow }: Tools, pids: number[]): void {
  const [, frozen, waiting, closed] = pids.map((pid) => new FreezeState('process', pid));
  for (const state of [frozen, waiting, closed]) state?.freezeAtEpoch(0);
  stoppedNow(...pids.slice(1));
  waiting?.waitForStateChange({ ref: false }).catch(() => undefined);
  closed?.close();
}

const ways: Record<string, { code: number; stderr?: string; end: (tools: Tools) => void }> = {
  'by itself': { code: 0, end: () => undefined },
  'by itself, with an exit code': {
    code: 7,
    end: () => {
      process.exitCode = 7;
    },
  },
  'by process.exit': { code: 3, end: () => process.exit(3) },
  'by process.exit in a later turn': { code: 4, end: () => setImmediate(() => process.exit(4)) },
  'by process.exit in an exit handler': { code: 5, end: () => process.on('exit', () => process.exit(5)) },
  'by an uncaught error': {
    code: 1,
    stderr: 'on purpose',
    end: () => {
      throw new Error('on purpose');
    },
  },
  'by an uncaught error in a later turn': {
    code: 1,
    stderr: 'on purpose',
    end: () =>
      setImmediate(() => {
        throw new Error('on purpose');
      }),
  },
  'by an unhandled rejection': { code: 1, stderr: 'on purpose', end: () => Promise.reject(new Error('on purpose')) },
  'by an error in an exit handler': {
    code: 1,
    stderr: 'on purpose',
    end: () =>
      process.on('exit', () => {
        throw new Error('on purpose');
      }),
  },
};

/** Both functions go to the child, where they must be source. */
function program(pids: number[], end: (tools: Tools) => void) {
  const body = `(tools, pids) => { (${make})(tools, pids); (${end})(tools); }`;
  const carrier = Object.assign((_tools: Tools, _pids: number[]) => undefined, { toString: () => body });
  return runInNode(carrier, [pids]);
}

describe('the members of states that are made, frozen, waiting and closed run when the main thread ends', () => {
  it.each(Object.entries(ways))('%s', async (_, { code, stderr = '', end }) => {
    const pids = sleepers(4).map(({ pid }) => pid);
    const ending = await program(pids, end);
    expect(ending).toMatchObject({ code, signal: null });
    expect(ending.stderr).toContain(stderr);
    if (stderr === '') expect(ending.stderr).toBe('');
    await running(...pids);
  });
});

describe('when a state is made or used while the process ends', () => {
  it('in an exit handler: it is thawed after that', async () => {
    const { pid } = sleeper();
    const ending = await runInNode(
      ({ FreezeState, stoppedNow }, member) => {
        process.on('exit', () => {
          new FreezeState('process', member).freezeAtEpoch(0);
          stoppedNow(member);
        });
      },
      [pid],
    );
    expect(ending).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    await running(pid);
  });

  it('all of many processes are thawed', async () => {
    const pids = sleepers(20).map(({ pid }) => pid);
    const ending = await runInNode(
      ({ FreezeState, stoppedNow }, members) => {
        for (const member of members) new FreezeState('process', member).freezeAtEpoch(0);
        stoppedNow(...members);
        process.exit(0);
      },
      [pids],
    );
    expect(ending).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    await running(...pids);
  });
});
