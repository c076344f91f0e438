import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { limitMemory, makeMemoryGroup, removeGroup } from '../helpers/memory-group';
import { signallingModes } from '../helpers/modes';
import { type Ending, type NodeOptions, runInNode, type Tools } from '../helpers/node';
import { letterOf, running } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { sideEffectLibrary } from '../helpers/programs';

/** Runs an emulator that freezes three processes and then ends in that way, and gives its end and their pids. */
async function endOf(
  end: (tools: Tools, library: string, pids: number[]) => unknown,
  options: NodeOptions = {},
): Promise<Ending & { pids: number[] }> {
  const members = sleepers(3).map(({ pid }) => pid);
  const body = `(tools, library, pids) => {
    if (!tools.FreezeState.withPids('process', pids).freezeAtEpoch(0)) throw new Error('not frozen');
    tools.stoppedNow(...pids);
    return (${end})(tools, library, pids);
  }`;
  const carrier = Object.assign((_tools: Tools, _library: string, _pids: number[]) => undefined, {
    toString: () => body,
  });
  return { ...(await runInNode(carrier, [sideEffectLibrary, members], options)), pids: members };
}

/** Ends after it has loaded an addon, which does something to it that Node knows nothing of. */
const fork = (_: Tools, library: string) => {
  process.env['FREEZE_TEST_SIDE_EFFECT'] = 'fork';
  try {
    process.dlopen({ exports: {} }, library);
  } catch {
    // It is no addon of Node's.
  }
  process.kill(process.pid, 'SIGKILL');
};

const close = (_: Tools, library: string) => {
  process.env['FREEZE_TEST_SIDE_EFFECT'] = 'close';
  try {
    process.dlopen({ exports: {} }, library);
  } catch {
    // It is no addon of Node's.
  }
  process.kill(process.pid, 'SIGKILL');
};

/** The pid lives on until they run. */
const exec = (_: Tools, library: string, pids: number[]) => {
  process.env['FREEZE_TEST_SIDE_EFFECT'] = 'exec';
  process.env['FREEZE_TEST_SCRIPT'] = `for pid in ${pids.join(' ')}; do
    while read -r _ _ state _ < /proc/$pid/stat && [ "$state" = T ]; do sleep 0.01; done
  done; echo "$$"`;
  process.getBuiltinModule('node:fs').writeSync(1, `${process.pid}\n`);
  process.dlopen({ exports: {} }, library);
};

const memory = () => {
  const kept = Array.from({ length: 3 }, () => Buffer.alloc(2 ** 30, 1));
  process.kill(process.pid, kept.length === 3 ? 'SIGKILL' : 'SIGTERM');
};

const gigabytes = (): number => {
  const [, free = '0'] = /^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1')) ?? [];
  const limit = process.constrainedMemory() || Infinity;
  return Math.min(Number(free) * 1024, limit) / 2 ** 30;
};

/** For a guardian alone; '' where none can be made. */
const memoryGroup = makeMemoryGroup(2 ** 20);
afterAll(() => removeGroup(memoryGroup));

/** Moves its guardian into that group, and ends. */
const confine = Object.assign(() => undefined, {
  toString: () => `({ FreezeState }) => {
    const { writeFileSync } = process.getBuiltinModule('node:fs');
    writeFileSync('${memoryGroup}/cgroup.procs', String(FreezeState.capabilities.guardian.pid));
    process.kill(process.pid, 'SIGKILL');
  }`,
});

describe.runIf(signallingModes.length > 0).each([
  ['with pidfds', ['none']],
  ['without pidfds', ['no-pidfd']],
])('%s, what an emulator froze runs', (_, launch) => {
  it('when it is killed and a fork without exec lives on that has all its descriptors', async () => {
    const { signal, stdout, pids } = await endOf(fork, { launch });
    const copy = Number(stdout);
    expect(copy, stdout).toBeGreaterThan(1);
    onTestFinished(() => void process.kill(copy, 'SIGKILL'));
    expect(signal).toBe('SIGKILL');
    await running(...pids);
    expect(process.kill(copy, 0)).toBe(true);
  });

  it('when it is killed and had closed all its descriptors', async () => {
    const { signal, pids } = await endOf(close, { launch });
    // A thread of Node's that waits in epoll aborts if it sees its descriptor closed before the kill comes.
    expect(['SIGKILL', 'SIGABRT']).toContain(signal);
    await running(...pids);
  });

  it('when it calls execve(2), by which its pid lives on', async () => {
    const { code, stdout, stderr, pids } = await endOf(exec, { launch });
    expect(code, stderr).toBe(0);
    const [before, after] = stdout.split('\n');
    expect(before).toMatch(/^\d+$/);
    expect(after).toBe(before);
    await running(...pids);
  });

  it('when it dumps core', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'freeze-state-core-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const under = ['sh', '-c', `cd '${folder}' && ulimit -c "$(ulimit -H -c)" && ulimit -c && exec "$@"`, '-'];
    const { signal, stdout, pids } = await endOf(() => process.abort(), { launch, under });
    expect(signal).toBe('SIGABRT');
    await running(...pids);
    // Not where a sanitizer forbids it.
    const isFile =
      process.env['LD_PRELOAD'] === undefined && /^core/.test(readFileSync('/proc/sys/kernel/core_pattern', 'latin1'));
    if (isFile && stdout === 'unlimited\n') expect(readdirSync(folder)).toHaveLength(1);
  });
});

describe.runIf(signallingModes.length > 0)('while a fork without exec holds the socket of the keeper open', () => {
  // Without both calls the keeper has no table of descriptors of its own, and the copy has all that are in the shared one.
  const launch = ['close_range', 'unshare'].map((call) => `deny=${call}:${constants.errno.EPERM}`);

  async function killWithCopy(options: NodeOptions): Promise<{ copy: number; pids: number[] }> {
    const { signal, stdout, pids } = await endOf(fork, options);
    const copy = Number(stdout);
    expect(copy, stdout).toBeGreaterThan(1);
    onTestFinished(() => void (letterOf(copy) === '' || process.kill(copy, 'SIGKILL')));
    expect(signal).toBe('SIGKILL');
    return { copy, pids };
  }

  it('the pidfd alone tells of the death of the emulator, and what it froze runs', async () => {
    const { copy, pids } = await killWithCopy({ launch });
    await running(...pids);
    expect(process.kill(copy, 0)).toBe(true);
  });

  // docs/guardian.md, "What it does not cover".
  it('and there is no pidfd, what the emulator froze stays stopped until the copy has ended', async () => {
    const { copy, pids } = await killWithCopy({ launch: [...launch, 'no-pidfd'] });
    expect(pids.map(letterOf)).toEqual(['T', 'T', 'T']);
    process.kill(copy, 'SIGKILL');
    await running(...pids);
  });
});

describe('what an emulator froze that has 3 GB of memory', () => {
  const isShort = gigabytes() < 6;
  it.skipIf(isShort)(`runs when that is killed${isShort ? ' (skipped: not enough memory here)' : ''}`, async () => {
    const { signal, pids } = await endOf(memory);
    expect(signal).toBe('SIGKILL');
    await running(...pids);
  });
});

describe.runIf(signallingModes.length > 0)('what an emulator froze runs', () => {
  // What it would take more, the kernel takes from another process of the group: a member, perhaps. A pidfd takes a page.
  it.runIf(memoryGroup !== '')(
    'when it is killed and a page is all the memory that its guardian may still take',
    async () => {
      limitMemory(memoryGroup, 4096);
      const { signal, pids } = await endOf(confine);
      expect(signal).toBe('SIGKILL');
      await running(...pids);
    },
  );
});
