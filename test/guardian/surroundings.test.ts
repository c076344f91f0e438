import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endWithGroup } from '../helpers/children';
import { childEnvironment } from '../helpers/environment';
import { signallingModes } from '../helpers/modes';
import { canMakePidNamespace, canMakeTimeNamespace, inPidNamespace, inTimeNamespace } from '../helpers/namespaces';
import { runInNode, type Tools } from '../helpers/node';
import { letterOf, running, statField } from '../helpers/proc';
import { sleeper, start } from '../helpers/processes';
import { sideEffectLibrary } from '../helpers/programs';
import { until } from '../helpers/until';

const hasEnded = (pid: number) => ['', 'Z', 'X'].includes(statField(pid, 3));
const packageRoot = join(__dirname, '../..');

/** A file with a program that freezes the member, a number or an expression, and prints its own pid and the guardian's. */
function emulator(member: number | string, more: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-emulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'emulator.cjs');
  writeFileSync(
    file,
    `const { FreezeState } = require(${JSON.stringify(packageRoot)});
    const state = new FreezeState('process', ${member});
    if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
    require('node:fs').writeSync(1, 'frozen by ' + process.pid + ' ' + FreezeState.capabilities.guardian.pid + '\\n');
    ${more}`,
  );
  return file;
}

describe.runIf(signallingModes.length > 0)('while a guardian runs', () => {
  it('cmd | cat ends with the emulator', async () => {
    const { pid } = sleeper();
    const file = emulator(pid, "process.kill(process.pid, 'SIGKILL');");
    const shell = start('sh', ['-c', '"$@" | cat', '-', process.execPath, file], { env: childEnvironment() });
    const [printed, [code]] = await Promise.all([text(shell.stdout), once(shell, 'exit')]);
    expect(printed).toMatch(/^frozen by \d+ \d+\n$/);
    expect(code).toBe(0);
    await running(pid);
  });

  it('a reader of the output gets its end when the emulator closes it and runs on', async () => {
    const { pid } = sleeper();
    const file = emulator(
      pid,
      "require('node:fs').closeSync(1); require('node:fs').closeSync(2); process.stdin.resume().on('end', () => state.close());",
    );
    const child = start(process.execPath, [file], { env: childEnvironment() });
    const exit = once(child, 'exit');
    expect(await text(child.stdout)).toMatch(/^frozen by/);
    expect(child.exitCode).toBeNull();
    child.stdin.end();
    expect(await exit).toEqual([0, null]);
    await running(pid);
  });

  it('node --test ends when its test does', async () => {
    const { pid } = sleeper();
    const file = emulator(pid, "require('node:test').test('one', () => undefined);");
    const child = start(process.execPath, ['--test', file], { env: childEnvironment() });
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(code, printed).toBe(0);
    expect(printed).toMatch(/pass 1/);
    await running(pid);
  });

  it('node --watch starts the emulator anew, and leaves neither it nor a guardian', async () => {
    const { pid } = sleeper();
    const file = emulator(pid, 'setInterval(() => state, 1000);');
    const watcher = start(process.execPath, ['--watch', file], { env: childEnvironment() });
    let printed = '';
    watcher.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    const runs = () =>
      [...printed.matchAll(/frozen by (\d+) (\d+)\n/g)].map(([, own, its]) => [Number(own), Number(its)] as const);
    onTestFinished(() => {
      for (const [own] of runs()) if (!hasEnded(own)) process.kill(own, 'SIGKILL');
    });
    await until(() => runs().length === 1, `the emulator runs: ${printed}`);
    appendFileSync(file, '// changed\n');
    await until(() => runs().length === 2, `it runs again: ${printed}`);
    const exit = once(watcher, 'exit');
    watcher.kill('SIGTERM');
    await exit;
    await until(() => runs().flat().every(hasEnded), 'no emulator and no guardian is left');
    await running(pid);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'a process manager that kills its process group with %s gets the end of its output, and starts it again',
    async (signal) => {
      const { pid } = sleeper();
      const file = emulator(pid, 'setInterval(() => state, 1000);');
      for (let run = 0; run < 2; run += 1) {
        const child = start(process.execPath, [file], { env: childEnvironment(), detached: true });
        endWithGroup(child);
        const [printed] = (await once(child.stdout, 'data')) as [Buffer];
        const [, guardian = ''] = /^frozen by \d+ (\d+)\n$/.exec(String(printed)) ?? [];
        // Which comes once nobody holds the other end of a pipe.
        const close = once(child, 'close');
        process.kill(-(child.pid ?? Number.NaN), signal);
        expect(await close).toEqual([null, signal]);
        await running(pid);
        await until(() => hasEnded(Number(guardian)), 'the guardian has ended');
      }
    },
  );

  it.runIf(canMakePidNamespace)(
    'a shell that is the first process of a container goes on after the emulator',
    async () => {
      const file = emulator('Number(process.argv[2])', "process.kill(process.pid, 'SIGKILL');");
      const script = `sleep 1000 & "$0" "$1" $!
      until grep -q '^State:.S' /proc/$!/status; do sleep 0.01; done; echo thawed`;
      const [command, ...words] = [...inPidNamespace, 'sh', '-c', script, process.execPath, file] as const;
      const shell = start(command, words, { env: childEnvironment() });
      const [printed, [code]] = await Promise.all([text(shell.stdout), once(shell, 'exit')]);
      expect(printed).toMatch(/^frozen by \d+ \d+\nthawed\n$/);
      expect(code).toBe(0);
    },
  );
});

/** Freezes the member and is killed, or ends and says what it knows of the guardian. */
const freeze = ({ FreezeState, stoppedNow }: Tools, library: string, member: number, kills: boolean) => {
  process.env['FREEZE_TEST_SIDE_EFFECT'] = library === '' ? '' : 'time-namespace';
  try {
    if (library !== '') process.dlopen({ exports: {} }, library);
  } catch {
    // It is no addon of Node's.
  }
  if (!new FreezeState('process', member).freezeAtEpoch(0)) throw new Error('not frozen');
  stoppedNow(member);
  if (kills) process.kill(process.pid, 'SIGKILL');
  return FreezeState.capabilities.guardian;
};

describe.runIf(canMakeTimeNamespace)('in a time namespace', () => {
  it.each(['none', 'no-pidfd'])('the guardian of an emulator that is in it thaws (%s)', async (word) => {
    const { pid } = sleeper();
    await runInNode(freeze, ['', pid, true], { launch: [word], under: inTimeNamespace });
    await running(pid);
  });

  const isRoot = process.geteuid?.() === 0;

  /** Nobody thaws what an emulator has frozen that is killed without a guardian. */
  async function continueStopped(pid: number): Promise<void> {
    expect(letterOf(pid)).toBe('T');
    process.kill(pid, 'SIGCONT');
    await running(pid);
  }

  it.runIf(isRoot)('where the emulator has called unshare(2), it thaws, or says why there is no guardian', async () => {
    const { pid } = sleeper();
    const { stdout } = await runInNode(freeze, [sideEffectLibrary, pid, false]);
    const known = JSON.parse(stdout) as { available: boolean; reason?: string };
    if (!known.available) expect(known.reason).toContain('another time namespace');
    await runInNode(freeze, [sideEffectLibrary, pid, true]);
    await (known.available ? running(pid) : continueStopped(pid));
  });

  it.runIf(isRoot)('with start times alone no guardian starts after unshare(2), and the reason is told', async () => {
    const { pid } = sleeper();
    const launch = ['no-pidfd'];
    const { code, stdout } = await runInNode(freeze, [sideEffectLibrary, pid, false], { launch });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      available: false,
      reason: expect.stringContaining('in another time namespace than this process'),
    });
    await running(pid);
    await runInNode(freeze, [sideEffectLibrary, pid, true], { launch });
    await continueStopped(pid);
  });
});
