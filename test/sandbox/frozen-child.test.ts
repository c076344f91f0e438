import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { FreezeMode } from 'freeze-state';
import type { Sandbox } from 'freeze-state/sandbox';
import { describe, expect, it } from 'vitest';
import { running, stopped } from '../helpers/proc';
import { canBecomeNobody, nobody } from '../helpers/processes';
import { launchProgram, targetProgram } from '../helpers/programs';
import { freeze, makeSandbox, output, patient, sandboxModes, sleeperIn, started } from '../helpers/sandboxes';
import { turns, until } from '../helpers/until';

const echo = join(__dirname, 'fixtures/echo.cjs');
/** Frozen when the test says so. */
const byHand = { freezeAfter: false } as const;

const starts: [string, (sandbox: Sandbox, options: SpawnOptions) => ChildProcess][] = [
  ['spawn', (sandbox, options) => sandbox.spawn(targetProgram, ['sleep'], { ...options, stdio: 'pipe' })],
  [
    'fork',
    // The program is the sleeper and not Node, which takes long to start. Its last argument is its exit code.
    (sandbox, options) =>
      sandbox.fork('0', {
        ...options,
        execPath: targetProgram,
        execArgv: ['sleep'],
        stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      }),
  ],
];

// In mode none it is not frozen, and all the rest is the same.
describe.each(sandboxModes)('a frozen child, in mode %s', (mode) => {
  const isFrozen = mode !== FreezeMode.None;

  it('is thawed by spawn, and so is the newcomer', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const first = sleeperIn(sandbox);
    await freeze(sandbox);
    if (isFrozen) await stopped(first.pid);
    const second = sleeperIn(sandbox);
    await running(first.pid, second.pid);
    expect(sandbox.state.pids).toEqual([first.pid, second.pid]);
  });

  it.each(['SIGTERM', 'SIGINT', undefined] as const)('takes kill(%s)', async (signal) => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = sleeperIn(sandbox);
    await freeze(sandbox);
    const exit = once(child, 'exit');
    expect(child.kill(signal)).toBe(true);
    expect(await exit).toEqual([null, signal ?? 'SIGTERM']);
    await turns(1);
    expect(sandbox.works).toEqual([]);
  });

  it('stays frozen when signal 0 asks whether it lives, and dies of SIGKILL', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = sleeperIn(sandbox);
    await freeze(sandbox);
    expect(child.kill(0)).toBe(true);
    expect(sandbox.state.isFrozen).toBe(isFrozen);
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect(sandbox.state.isFrozen).toBe(isFrozen);
  });

  it('may be sent many signals at a time, and its exit ends the work of each', async () => {
    const sandbox = makeSandbox({ mode, freezeAfter: false });
    const child = sleeperIn(sandbox);
    const before = child.listenerCount('exit');
    for (let i = 0; i < 12; i += 1) child.kill('SIGCONT');
    expect(child.listenerCount('exit')).toBe(before);
    expect(sandbox.state.holdCount).toBe(12);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(sandbox.state.holdCount).toBe(0);
  });

  it.each(starts)('by %s takes the abort of its signal, by its killSignal', async (_, start) => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const abort = new AbortController();
    const child = started(start(sandbox, { signal: abort.signal, killSignal: 'SIGINT' }));
    await freeze(sandbox);
    const error = once(child, 'error');
    const exited = once(sandbox, 'exit');
    abort.abort();
    expect(await error).toMatchObject([{ name: 'AbortError' }]);
    await exited;
    expect(child.signalCode).toBe('SIGINT');
  });

  it.each(starts)('by %s takes its timeout, which goes on during the freeze', async (_, start) => {
    // On a busy machine the time may be over before it is frozen: then it gets more.
    for (let timeout = 300; ; timeout *= 4) {
      const sandbox = makeSandbox({ mode, ...byHand });
      const child = started(start(sandbox, { timeout, killSignal: 'SIGHUP' }));
      const exit = once(child, 'exit');
      const wasFrozen = await sandbox.freeze({ timeout }).then(
        (report) => report.isFrozen === isFrozen && child.signalCode === null,
        () => false,
      );
      expect(await exit).toEqual([null, 'SIGHUP']);
      if (wasFrozen) return;
      await sandbox.terminate(patient);
    }
  });

  it('loses nothing of what it writes, where its output is full and is read later', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const lines = 100_000;
    const child = started(sandbox.spawn(targetProgram, ['fill', String(lines)], { stdio: 'pipe' }));
    const { stdout, stderr } = child as { stdout: Readable; stderr: Readable };
    await once(stderr, 'data');
    await freeze(sandbox);
    const exit = once(child, 'close');
    let all = '';
    stdout.setEncoding('latin1').on('data', (piece: string) => {
      all += piece;
    });
    await until(() => all !== '', 'what the pipe holds is read');
    if (isFrozen) {
      await stopped(child.pid);
      expect(all.length).toBeLessThan(lines * 8);
    }
    using _ = sandbox.work();
    expect(await exit).toEqual([0, null]);
    const wanted = Array.from({ length: lines }, (_, line) => `${String(line).padStart(7, '0')}\n`).join('');
    expect([all.length, all === wanted]).toEqual([lines * 8, true]);
  });

  it('gets a disconnect when it is thawed', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = started(sandbox.fork(echo));
    child.send('word');
    await once(child, 'message');
    await freeze(sandbox);
    const [told, exit] = [once(child, 'disconnect'), once(child, 'exit')];
    child.disconnect();
    await told;
    expect(child.connected).toBe(false);
    if (isFrozen) {
      expect(sandbox.state.isFrozen).toBe(true);
      await stopped(child.pid);
    }
    using _ = sandbox.work();
    expect(await exit).toEqual([0, null]);
  });

  it.skipIf(!canBecomeNobody || process.geteuid?.() !== 0)('may be of another user and group', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = started(
      sandbox.spawn(launchProgram, ['none', '--', 'sh', '-c', 'id -u; id -g; read line'], {
        uid: nobody,
        gid: nobody,
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    let printed = '';
    while (!/\n.*\n/.test(printed)) printed += await output(child);
    expect(printed).toBe(`${nobody}\n${nobody}\n`);
    await freeze(sandbox);
    if (isFrozen) await stopped(child.pid);
    const exit = once(child, 'exit');
    child.kill();
    expect(await exit).toEqual([null, 'SIGTERM']);
  });
});

describe('kill', () => {
  it('lets a child take a signal in its handler: it is not frozen again before', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.ProcessTree, freezeAfter: 0 });
    const work = sandbox.work();
    const program = "process.on('SIGUSR2', () => console.log('taken')); console.log('ready'); process.stdin.resume()";
    const child = started(sandbox.spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }));
    expect(await output(child)).toBe('ready\n');
    const frozen = once(sandbox, 'freeze');
    work.release();
    await frozen;
    const [answer, again, begin] = [output(child), once(sandbox, 'freeze'), performance.now()];
    child.kill('SIGUSR2');
    expect(sandbox.works).toMatchObject([{ label: `signal SIGUSR2 to ${child.pid}` }]);
    await again;
    expect(performance.now() - begin).toBeGreaterThan(1900);
    expect(sandbox.works).toEqual([]);
    // It has long taken it, but on a machine that had no processor for it.
    sandbox.work();
    expect(await answer).toBe('taken\n');
  });
});
