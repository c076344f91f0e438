import { once } from 'node:events';
import fs, { readFileSync } from 'node:fs';
import { FreezeClosedError, FreezeMode } from 'freeze-state';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ownCgroups, signallingModes } from '../helpers/modes';
import { letterOf, statField, statText, stopped, zombieNow } from '../helpers/proc';
import { family, impossiblePid, start } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import {
  freeze,
  leftovers,
  makeSandbox,
  output,
  patient,
  sandboxModes,
  sleeperIn,
  started,
} from '../helpers/sandboxes';
import { until, untilNow } from '../helpers/until';

const byHand = { freezeAfter: false } as const;
/** Ends by itself some time after a broken test. */
const sleep = 'sleep 60 >/dev/null 2>&1 </dev/null';

/** The daemon of a sandbox, once it executes sleep(1): those that the shell forks before may still exit. */
async function sleepingDaemon(): Promise<number> {
  let daemon: number | undefined;
  await until(() => {
    daemon = leftovers().find((pid) => statText(pid).includes('(sleep)'));
    return daemon !== undefined;
  }, 'the daemon executes sleep(1)');
  return daemon ?? 0;
}
/** A child, a grandchild whose parent has gone, and one in a session of its own whose parent has gone. */
const daemons = `${sleep} & (${sleep} &) ; setsid sh -c '${sleep} & exit'`;

function shell(sandbox: ReturnType<typeof makeSandbox>, program: string) {
  return started(sandbox.spawn('/bin/sh', ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] }));
}

afterEach(() => vi.restoreAllMocks());

describe.each(sandboxModes)('terminate, in mode %s', (mode) => {
  it('ends children by a signal and says how', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const [first, second] = [sleeperIn(sandbox), sleeperIn(sandbox)];
    // In mode cgroup each is the joiner until then.
    const hasBegun = ({ pid }: { pid: number }) => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'target\n';
    await until(() => [first, second].every(hasBegun), 'their programs have begun');
    const exits = [once(first, 'exit'), once(second, 'exit')];
    const ended = await sandbox.terminate(patient);
    expect(ended).toEqual(
      [first, second].map(({ pid }) => ({
        pid,
        name: 'target',
        isChild: true,
        wasKilled: false,
        signalCode: 'SIGTERM',
      })),
    );
    await Promise.all(exits);
    expect(leftovers()).toEqual([]);
    expect(ownCgroups()).toEqual([]);
  });

  it('ends a program that starts its next process and exits, again and again', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    // Each forks and exits. It ends with its output, at the latest when the test's process has gone.
    const child = shell(sandbox, "trap '' TERM; hop() { echo hop || exit; hop & exit; }; hop");
    expect(await output(child)).toMatch(/^hop/);
    child.stdout?.resume();
    await until(() => child.exitCode === 0, 'the first has gone');
    await sandbox.terminate({ forceKillAfter: 20, timeout: 60_000 });
    expect(leftovers()).toEqual([]);
    expect(ownCgroups()).toEqual([]);
  });

  it('ends a program that starts its next process and exits faster than it is found, or rejects', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const { stdout } = sandbox.spawn(targetProgram, ['hop'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let hops = 0;
    stdout.on('data', (bytes: Buffer) => {
      hops += bytes.length;
    });
    await until(() => hops > 50, 'it goes on');
    try {
      // In a control group the kernel ends all at once, however long a processor has other work.
      const timeout = mode === FreezeMode.Cgroup ? 60_000 : 1000;
      const end = sandbox.terminate({ forceKillAfter: 20, timeout });
      const why: unknown = await end.then(
        () => undefined,
        (error) => error,
      );
      // As long as one of them lives, there is more to come.
      if (why === undefined) await until(() => stdout.readableEnded, 'none lives');
      else expect(why).toMatchObject({ code: 'ERR_FREEZE_TIMEOUT', message: expect.stringMatching(/did not end/) });
      if (mode === FreezeMode.Cgroup) expect(why).toBeUndefined();
    } finally {
      stdout.destroy();
    }
    await until(() => leftovers().length === 0, 'nothing is left');
  });

  it('ends shells, daemons and those that ignore the signal', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const program = `trap '' TERM; ${daemons}; echo ready; while :; do sleep 0.05; done`;
    const child = shell(sandbox, program);
    expect(await output(child)).toBe('ready\n');
    await until(() => leftovers().length >= 4, 'all have begun');
    const ended = await sandbox.terminate({ forceKillAfter: 50 });
    expect(leftovers()).toEqual([]);
    expect(ended.length).toBeGreaterThanOrEqual(4);
    expect(ended.find(({ isChild }) => isChild)).toMatchObject({
      pid: child.pid,
      wasKilled: true,
      signalCode: 'SIGKILL',
    });
    expect(ownCgroups()).toEqual([]);
  });

  it('lets a handler do what it has to, and ends what that leaves', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    // Without its trap: a child that is forked with one loses a signal that comes before it has dropped it.
    const program = `end() { trap - TERM; sh -c 'echo handled'; ${daemons}; exit 5; }; trap end TERM; echo ready; while :; do sleep 0.05; done`;
    const child = shell(sandbox, program);
    expect(await output(child)).toBe('ready\n');
    const handled = output(child);
    const ended = await sandbox.terminate(patient);
    expect(await handled).toBe('handled\n');
    expect(ended).toContainEqual({ pid: child.pid, name: 'sh', isChild: true, wasKilled: false, exitCode: 5 });
    expect(ended.some(({ wasKilled }) => wasKilled)).toBe(false);
    expect(leftovers()).toEqual([]);
  });

  it('kills all at once, and does not wait', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = shell(sandbox, `trap '' TERM; ${daemons}; echo ready; read line`);
    expect(await output(child)).toBe('ready\n');
    const exited = once(sandbox, 'exit');
    expect(sandbox.kill()).toBe(true);
    expect(() => sandbox.work()).toThrow(FreezeClosedError);
    await exited;
    expect(child.signalCode).toBe('SIGKILL');
    await until(() => leftovers().length === 0, 'nothing is left');
    expect(await sandbox.terminate()).toMatchObject([{ pid: child.pid, wasKilled: true }, {}, {}, {}]);
  });
});

describe.each(signallingModes)('the end of a frozen sandbox, in mode %s', (mode) => {
  it('comes by a signal that a handler takes', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = shell(sandbox, "trap 'exit 5' TERM; echo ready; read line");
    expect(await output(child)).toBe('ready\n');
    await freeze(sandbox);
    await stopped(child.pid);
    const thawed = once(sandbox, 'thaw');
    const ended = await sandbox.terminate(patient);
    expect(ended).toContainEqual({ pid: child.pid, name: 'sh', isChild: true, wasKilled: false, exitCode: 5 });
    expect(leftovers()).toEqual([]);
    await thawed;
  });

  it('comes by kill()', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = shell(sandbox, `${mode === FreezeMode.Process ? 'true' : daemons}; echo ready; read line`);
    expect(await output(child)).toBe('ready\n');
    await freeze(sandbox);
    sandbox.kill();
    await until(() => leftovers().length === 0, 'nothing is left');
  });
});

describe('terminate', () => {
  it('signals no other process', async () => {
    const other = start(targetProgram, ['sleep']);
    const [sandbox, neighbour] = [makeSandbox({ ...byHand }), makeSandbox({ ...byHand })];
    sleeperIn(sandbox);
    const next = sleeperIn(neighbour);
    await sandbox.terminate();
    expect(leftovers().sort()).toEqual([other.pid, next.pid].sort());
  });

  it('gives the same promise the second time, and ends the sandbox for every use', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = sleeperIn(sandbox);
    const work = sandbox.work();
    const end = sandbox.terminate(patient);
    expect(sandbox.terminate({ forceKillAfter: 0 })).toBe(end);
    expect(() => sandbox.work()).toThrow(FreezeClosedError);
    expect(() => sleeperIn(sandbox)).toThrow(FreezeClosedError);
    expect(() => sandbox.adopt(child)).toThrow(FreezeClosedError);
    await expect(sandbox.freeze()).rejects.toThrow(FreezeClosedError);
    expect(await end).toMatchObject([{ pid: child.pid, wasKilled: false }]);
    expect(() => sandbox.state.currentEpoch).toThrow(FreezeClosedError);
    expect(sandbox.works).toHaveLength(1);
    work.release();
    await sandbox[Symbol.asyncDispose]();
  });

  it('sends only SIGKILL where forceKillAfter is 0, and first the killSignal where it is not', async () => {
    const first = makeSandbox({ ...byHand });
    sleeperIn(first);
    expect(await first.terminate({ forceKillAfter: 0 })).toMatchObject([{ wasKilled: true, signalCode: 'SIGKILL' }]);
    const second = makeSandbox({ ...byHand });
    sleeperIn(second);
    expect(await second.terminate({ ...patient, killSignal: 'SIGHUP' })).toMatchObject([{ signalCode: 'SIGHUP' }]);
  });

  it('kills at once when it is aborted', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = shell(sandbox, `trap '' TERM; echo ready; while :; do sleep 0.05; done`);
    await output(child);
    const aborting = new AbortController();
    const end = sandbox.terminate({ forceKillAfter: 60_000, timeout: 60_000, signal: aborting.signal });
    aborting.abort(new Error('enough'));
    await expect(end).rejects.toThrow('enough');
    await until(() => leftovers().length === 0, 'nothing is left');
    expect(() => sandbox.state.currentEpoch).toThrow(FreezeClosedError);
  });

  it('rejects by the first error if the state cannot be closed well after it', async () => {
    const sandbox = makeSandbox({ ...byHand });
    sleeperIn(sandbox);
    const close = sandbox.state.close.bind(sandbox.state);
    vi.spyOn(sandbox.state, 'close').mockImplementation(() => {
      close();
      throw new Error('not continued');
    });
    const aborting = new AbortController();
    const end = sandbox.terminate({ ...patient, signal: aborting.signal });
    aborting.abort(new Error('enough'));
    await expect(end).rejects.toThrow('enough');

    const other = makeSandbox({ ...byHand });
    vi.spyOn(other.state, 'close').mockImplementation(() => {
      throw new Error('not continued');
    });
    await expect(other.terminate()).rejects.toThrow('not continued');
    vi.restoreAllMocks();
    other.state.close();
  });

  it('does nothing where its options are wrong, or its signal is aborted before', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const { pid } = sleeperIn(sandbox);
    const wrong = [
      { killSignal: 'SIGNO' },
      { forceKillAfter: -1 },
      { timeout: '5' },
      { signal: {} },
      { kilSignal: 'SIGHUP' },
    ];
    for (const options of wrong) await expect(sandbox.terminate(options as never)).rejects.toThrow(/^options[.]/);
    await expect(sandbox.terminate({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    expect(leftovers()).toEqual([pid]);
    expect(sandbox.work().isReleased).toBe(false);
    expect(await sandbox.terminate()).toHaveLength(1);
  });

  it('does not time out if all have ended while this thread was too busy to notice', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, ...byHand });
    const { pid } = sleeperIn(sandbox);
    const timeout = 50;
    const begin = performance.now();
    const end = sandbox.terminate({ forceKillAfter: 0, timeout });
    zombieNow(pid);
    untilNow(() => performance.now() > begin + 2 * timeout, 'the time is over');
    expect(await end).toMatchObject([{ pid, wasKilled: true, signalCode: 'SIGKILL' }]);
  });

  it('rejects where a process does not die, and names it', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = sleeperIn(sandbox);
    vi.spyOn(process, 'kill').mockReturnValue(true);
    const end = sandbox.terminate({ forceKillAfter: 10, timeout: 30 });
    await expect(end).rejects.toMatchObject({
      code: 'ERR_FREEZE_TIMEOUT',
      timeout: 30,
      message: expect.stringContaining(`are still there: ${child.pid} ("target", state `),
    });
    vi.restoreAllMocks();
    expect(leftovers()).toEqual([child.pid]);
  });

  it.each(sandboxModes)(
    'rejects where /proc never shows all, in mode %s, but for a group that is empty',
    async (mode) => {
      const sandbox = makeSandbox({ mode, ...byHand });
      sleeperIn(sandbox);
      const { readdirSync } = fs;
      // One that exits before it is read, each time.
      vi.spyOn(fs, 'readdirSync').mockImplementation(((path: string) => {
        const names = readdirSync(path);
        return path === '/proc' ? [...names, String(impossiblePid)] : names;
      }) as typeof readdirSync);
      const end = sandbox.terminate({ ...patient, timeout: 300 });
      if (mode === FreezeMode.Cgroup) {
        expect(await end).toHaveLength(1);
      } else {
        const message = expect.stringContaining(`may belong to the sandbox. The last of these: ${impossiblePid}`);
        await expect(end).rejects.toMatchObject({ code: 'ERR_FREEZE_TIMEOUT', timeout: 300, message });
      }
      expect(leftovers()).toEqual([]);
    },
  );

  it('does not take a process for exited if it has no descriptor to read about it', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = shell(sandbox, `(trap '' TERM; echo ready; exec ${sleep}) & read line`);
    expect(await output(child)).toBe('ready\n');
    const end = sandbox.terminate({ forceKillAfter: 20, timeout: 60_000 });
    const { readFileSync } = fs;
    let refused = 0;
    vi.spyOn(fs, 'readFileSync').mockImplementation(((path: string, ...others: []) => {
      if (!/^\/proc\/\d+\//.test(path) || refused === 600) return readFileSync(path, ...others);
      refused += 1;
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    }) as typeof readFileSync);
    expect(await end).toMatchObject([{ pid: child.pid }, { isChild: false, wasKilled: true }]);
    expect(refused).toBe(600);
    expect(leftovers()).toEqual([]);
  });

  it('is not held up by threads of the kernel, which have no environment that can be read', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const { pid } = sleeperIn(sandbox);
    const kernelThread = start(targetProgram, ['sleep']);
    const { readFileSync } = fs;
    vi.spyOn(fs, 'readFileSync').mockImplementation(((path: string, ...others: []) => {
      if (path === `/proc/${kernelThread.pid}/environ`)
        throw Object.assign(new Error('ESRCH: no such process'), { code: 'ESRCH' });
      const text = readFileSync(path, ...others) as unknown as string;
      // PF_KTHREAD, in the ninth field.
      return path === `/proc/${kernelThread.pid}/stat`
        ? text.replace(/^((?:\S+ ){8})\d+/, (_, before) => `${before}${0x200000}`)
        : text;
    }) as typeof readFileSync);
    expect(await sandbox.terminate({ ...patient, timeout: 300 })).toMatchObject([{ pid }]);
    expect(letterOf(kernelThread.pid ?? 0)).toMatch(/^[RSD]$/);
  });

  it('ends a daemon whose first thread has exited, by the environment that another one shows', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = shell(sandbox, `(setsid ${sleep} &); echo ready; read line`);
    expect(await output(child)).toBe('ready\n');
    const daemon = await sleepingDaemon();
    // As the kernel shows one whose thread 1 lives.
    const { readdirSync, readFileSync } = fs;
    const [first, other] = [`/proc/${daemon}/task/${daemon}/environ`, `/proc/${daemon}/task/1/environ`];
    const isHeadless = (text: string) => text.startsWith(`${daemon} (`) && !/[)] [ZX] /.test(text);
    vi.spyOn(fs, 'readdirSync').mockImplementation(((path: string) =>
      path === `/proc/${daemon}/task` ? [String(daemon), '1'] : readdirSync(path)) as typeof readdirSync);
    vi.spyOn(fs, 'readFileSync').mockImplementation(((path: string, ...others: []) => {
      if (path === first) throw Object.assign(new Error('ESRCH: no such process'), { code: 'ESRCH' });
      const text = readFileSync(path === other ? `/proc/${daemon}/environ` : path, ...others) as unknown as string;
      if (!isHeadless(text)) return text;
      return text.replace(/[)] \S/, ') Z').replace(/^((?:\S+ ){19})\d+/, (_, before) => `${before}2`);
    }) as typeof readFileSync);
    expect((await sandbox.terminate(patient)).map(({ pid }) => pid)).toContain(daemon);
    expect(leftovers()).toEqual([]);
  });

  it('kills a child that ignores the signal even without a descriptor to read about it', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = shell(sandbox, `trap '' TERM; echo ready; read line`);
    expect(await output(child)).toBe('ready\n');
    vi.spyOn(fs, 'readFileSync').mockImplementation((() => {
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    }) as typeof fs.readFileSync);
    const end = sandbox.terminate({ forceKillAfter: 20, timeout: 300 });
    await until(() => child.signalCode === 'SIGKILL', 'it was killed');
    // By what was known of the others a moment before it may be certain that nothing is left.
    const why: unknown = await end.then(
      () => undefined,
      (error) => error,
    );
    if (why !== undefined) expect(why).toMatchObject({ code: 'ERR_FREEZE_TIMEOUT' });
  });

  it('says so where it cannot list the processes that are left', async () => {
    const sandbox = makeSandbox({ ...byHand });
    sleeperIn(sandbox);
    const { readdirSync } = fs;
    vi.spyOn(fs, 'readdirSync').mockImplementation(((path: string) => {
      if (path !== '/proc') return readdirSync(path);
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    }) as typeof readdirSync);
    const message = expect.stringContaining('It is not known what is left: /proc cannot be read');
    await expect(sandbox.terminate({ ...patient, timeout: 300 })).rejects.toMatchObject({ message });
  });

  it('is not certain by kill() where it cannot list the processes, nor while others exit unread, and goes on', async () => {
    const { readdirSync } = fs;
    const unlisted = (path: string) => {
      if (path === '/proc') throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
      return readdirSync(path);
    };
    let next = 4_000_000;
    const withNewcomer = (path: string) => {
      next += 1;
      return path === '/proc' ? [...readdirSync(path), String(next)] : readdirSync(path);
    };
    for (const list of [unlisted, withNewcomer]) {
      const sandbox = makeSandbox({ ...byHand });
      const child = shell(sandbox, `(setsid ${sleep} &); echo ready; read line`);
      expect(await output(child)).toBe('ready\n');
      await sleepingDaemon();
      const listing = vi.spyOn(fs, 'readdirSync').mockImplementation(list as typeof readdirSync);
      expect(sandbox.kill()).toBe(false);
      listing.mockRestore();
      await sandbox.terminate({ ...patient, forceKillAfter: 0 });
      expect(leftovers()).toEqual([]);
    }
  });

  it('takes a child to have exited when Node knows, though the listeners of its exit were removed', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const child = sleeperIn(sandbox);
    child.removeAllListeners();
    child.kill('SIGKILL');
    await until(() => child.signalCode === 'SIGKILL', 'Node knows');
    const signals = vi.spyOn(process, 'kill');
    expect(await sandbox.terminate(patient)).toEqual([]);
    expect(signals.mock.calls.filter(([pid]) => pid === child.pid)).toEqual([]);
  });

  it('spares no sandbox at the exit since another one could not be closed, and tells why that was', () => {
    const sandboxes = [1, 2, 3].map(() => makeSandbox({ mode: FreezeMode.Process, onParentDeath: 'kill', ...byHand }));
    const [first, , third] = sandboxes;
    for (const sandbox of [first, third]) {
      if (sandbox === undefined) throw new Error('It was made.');
      const { state } = sandbox;
      const close = state.close.bind(state);
      vi.spyOn(state, 'close').mockImplementation(() => {
        close();
        throw new Error(`of ${sandboxes.indexOf(sandbox)}`);
      });
    }
    const listeners = process.listeners('exit');
    const killAll = listeners.at(-1) as (() => void) | undefined;
    expect(() => killAll?.()).toThrow('of 0');
    for (const { state } of sandboxes) expect(() => state.snapshot()).toThrow(FreezeClosedError);
    // None is left for the exit itself.
    expect(process.listeners('exit')).toHaveLength(listeners.length - 1);
  });

  it('ends a process whose first thread has exited', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const { pid, child } = await family(['headless'], 1);
    sandbox.state.registerPid(pid);
    child.kill('SIGUSR1');
    await until(() => statField(pid, 3) === 'Z', 'its first thread has exited');
    expect(await sandbox.terminate(patient)).toMatchObject([{ pid, wasKilled: false }]);
    await until(() => child.signalCode === 'SIGTERM', 'it has ended');
  });

  it('ends children of a state that was closed', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const { pid } = sleeperIn(sandbox);
    sandbox.state.close();
    expect(await sandbox.terminate(patient)).toMatchObject([{ pid, signalCode: 'SIGTERM' }]);
  });

  it('ends processes that were registered with the state', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const other = start(targetProgram, ['sleep']);
    sandbox.state.registerPid(other.pid ?? 0);
    expect(await sandbox.terminate(patient)).toMatchObject([{ pid: other.pid, isChild: false, wasKilled: false }]);
  });

  it('does not signal a child that was reaped and whose exit Node has not emitted yet', async () => {
    const sandbox = makeSandbox({ ...byHand });
    const [first, second] = [sleeperIn(sandbox), sleeperIn(sandbox)];
    const told = [first, second].map((child) => once(child, 'exit'));
    // Node reaps both, and tells of the first exit then.
    const seen = new Promise((resolve) => {
      first.once('exit', () => {
        const signals = vi.spyOn(process, 'kill');
        sandbox.kill();
        resolve([letterOf(second.pid), signals.mock.calls]);
      });
    });
    for (const child of [first, second]) {
      child.kill('SIGKILL');
      zombieNow(child.pid);
    }
    expect(await seen).toEqual(['', []]);
    await Promise.all(told);
  });

  it('emits nothing for a freeze that was not due yet', async () => {
    const sandbox = makeSandbox({ freezeAfter: 20 });
    const cancelled = vi.fn();
    sandbox.on('cancel', cancelled);
    const work = sandbox.work();
    const child = shell(sandbox, "trap '' TERM; echo ready; while :; do sleep 60; done");
    expect(await output(child)).toMatch(/^ready/);
    work.release();
    await sandbox.terminate({ ...patient, forceKillAfter: 200 });
    expect(cancelled).not.toHaveBeenCalled();
  });

  it('reads /proc once for all sandboxes that end at the same time', async () => {
    const sandboxes = Array.from({ length: 50 }, () =>
      makeSandbox({ mode: FreezeMode.None, state: { guardian: false } }),
    );
    const readings = vi.spyOn(fs, 'readdirSync');
    await Promise.all(sandboxes.map((sandbox) => sandbox.terminate()));
    // Each one during its call; after that all of them as often as one.
    expect(readings.mock.calls.filter(([path]) => path === '/proc').length).toBeLessThan(2 * sandboxes.length);
  });

  it('is quick where there is nothing to end', async () => {
    expect(await makeSandbox({}).terminate()).toEqual([]);
  });
});
