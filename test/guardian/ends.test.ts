import type { FreezeMode } from 'freeze-state';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeMemoryGroup, removeGroup } from '../helpers/memory-group';
import { fitFor, signallingModes } from '../helpers/modes';
import { runInNode, type Tools } from '../helpers/node';
import { letterOf, running } from '../helpers/proc';
import { tree } from '../helpers/processes';

/** To start in; '' where none can be made. It goes with the tests of this file. */
const memoryGroup = makeMemoryGroup(192 * 2 ** 20);
afterAll(() => removeGroup(memoryGroup));

interface Way {
  readonly node?: string[];
  /** A program that runs node. */
  readonly under?: readonly string[];
  readonly signal?: NodeJS.Signals;
  readonly code?: number;
  readonly end: (tools: Tools) => void;
}

/** How an emulator can end. Each runs in the child, after the freeze. */
const ends: Record<string, Way> = {
  'by itself': { code: 0, end: () => undefined },
  'by process.exit': { code: 3, end: () => process.exit(3) },
  'by an uncaught error': {
    code: 1,
    end: () => {
      throw new Error('on purpose');
    },
  },
  'by an unhandled rejection': { code: 1, end: () => Promise.reject(new Error('on purpose')) },
  'by SIGTERM': { signal: 'SIGTERM', end: () => process.kill(process.pid, 'SIGTERM') },
  'by SIGINT': { signal: 'SIGINT', end: () => process.kill(process.pid, 'SIGINT') },
  'by SIGHUP': { signal: 'SIGHUP', end: () => process.kill(process.pid, 'SIGHUP') },
  'by SIGQUIT': { signal: 'SIGQUIT', end: () => process.kill(process.pid, 'SIGQUIT') },
  'by SIGSEGV': { signal: 'SIGSEGV', end: () => process.kill(process.pid, 'SIGSEGV') },
  'by SIGABRT': { signal: 'SIGABRT', end: () => process.abort() },
  'by SIGKILL': { signal: 'SIGKILL', end: () => process.kill(process.pid, 'SIGKILL') },
  'when its heap is full': {
    node: ['--max-old-space-size=16'],
    signal: 'SIGABRT',
    end: () => {
      const kept: unknown[] = [];
      for (;;) kept.push(new Array(1000).fill(kept.length));
    },
  },
  ...(memoryGroup === '' ? {} : { 'when its memory cgroup is full': whenFull(memoryGroup) }),
  'by SIGKILL after its guardian was killed, and replaced': {
    signal: 'SIGKILL',
    end: ({ FreezeState, untilNow }) => {
      const { pid: first = 0 } = FreezeState.capabilities.guardian;
      process.kill(first, 'SIGKILL');
      untilNow(() => {
        const { pid } = FreezeState.capabilities.guardian;
        return pid !== undefined && pid !== first;
      }, 'there is another guardian');
      process.kill(process.pid, 'SIGKILL');
    },
  },
  'by SIGKILL while a worker confirms a freeze': {
    signal: 'SIGKILL',
    end: ({ worker }) => {
      worker(({ FreezeState }) => {
        const { spawn } = process.getBuiltinModule('node:child_process');
        const { pid = 0 } = spawn('sleep', ['0'], { stdio: 'ignore' });
        void new FreezeState('process', pid)
          .confirmFreezeAtEpoch(0)
          .finally(() => process.kill(process.pid, 'SIGKILL'));
      });
    },
  },
};

/**
 * Freezes two children, one in a session of its own, and a process that is no child, with what the mode covers besides;
 * prints them, and ends.
 */
function emulator(tools: Tools, mode: FreezeMode, [foreign = 0, ...more]: readonly number[], mustLead: boolean): void {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const { writeSync } = process.getBuiltinModule('node:fs');
  const spawned = [mustLead, true].map((detached) => spawn('sleep', ['1000'], { stdio: 'ignore', detached }));
  // They are not to keep an emulator from ending by itself.
  for (const child of spawned) child.unref();
  const pids = [...spawned.map(({ pid = 0 }) => pid), foreign];
  writeSync(1, `${JSON.stringify(pids)}\n`);
  const state = tools.FreezeState.withPids(mode, pids);
  if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
  tools.stoppedNow(...pids, ...more);
  writeSync(1, 'frozen\n');
}

describe.each(signallingModes)('what an emulator froze in mode %s runs when it ends', (mode) => {
  it.each(Object.entries(ends))('%s', async (_, { node = [], under = [], signal = null, code = null, end }) => {
    // It leads a group, so it is fit for every mode; and it has children, which only some modes cover.
    const { pid, pids: all } = await tree(2, 1);
    const covered = mode === 'process' ? [pid] : all;
    const { detached = false } = fitFor(mode);
    const body = `(tools, ...args) => { (${emulator})(tools, ...args); return (${end})(tools); }`;
    const carrier = Object.assign((_tools: Tools, ..._args: Parameters<typeof args>) => undefined, {
      toString: () => body,
    });
    const ending = await runInNode(carrier, [mode, covered, detached], { node, under });
    const [line = '[]', state] = ending.stdout.split('\n');
    const pids = JSON.parse(line) as number[];
    onTestFinished(() => {
      for (const one of pids.filter((other) => other !== pid)) killIfThere(one);
    });
    expect(state, ending.stderr).toBe('frozen');
    expect(ending).toMatchObject({ code, signal });
    expect(pids).toHaveLength(3);
    await running(...pids, ...all);
    expect([...pids, ...all].map(letterOf)).not.toContain('T');
  });
});

declare function args(mode: FreezeMode, foreign: readonly number[], mustLead: boolean): void;

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function whenFull(group: string): Way {
  return {
    under: ['sh', '-c', `echo $$ > '${group}/cgroup.procs' && exec "$@"`, '-'],
    signal: 'SIGKILL',
    end: () => {
      const kept: Buffer[] = [];
      for (;;) kept.push(Buffer.alloc(2 ** 22, 1));
    },
  };
}
