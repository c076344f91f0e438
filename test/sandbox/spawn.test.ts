import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FreezeClosedError, FreezeMode, InvalidPidError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { adopt } from '../helpers/children';
import { letterOf, statField } from '../helpers/proc';
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
import { turns } from '../helpers/until';

const echo = join(__dirname, 'fixtures/echo.cjs');
/** Frozen when the test says so. */
const byHand = { freezeAfter: false } as const;

describe.each(sandboxModes)('spawn, in mode %s', (mode) => {
  it('gives a child that is a member, as Node does', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = sleeperIn(sandbox);
    expect(sandbox.state.pids).toEqual([child.pid]);
    expect(child.spawnargs).toEqual([targetProgram, 'sleep']);
    const exited = once(sandbox, 'exit');
    child.stdin?.end();
    expect(await exited).toEqual([child]);
    expect(child.exitCode).toBe(0);
  });

  it('takes the options of Node, and the child answers after a freeze', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const program = 'echo "$0 $PWD $WORD $#"; read line; echo "$line"; exit 7';
    const child = started(
      sandbox.spawn('/bin/sh', ['-c', program, 'zero', 'one'], {
        argv0: 'other',
        cwd: '/',
        env: { WORD: 'word', FREEZE_TEST_MARK: process.env['FREEZE_TEST_MARK'] },
        windowsHide: true,
        detached: true,
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    expect(await output(child)).toBe('zero / word 1\n');
    expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')).toBe(`other\0-c\0${program}\0zero\0one\0`);
    expect(statField(child.pid, 5)).toBe(String(child.pid));
    await freeze(sandbox);
    const answer = output(child);
    const exit = once(child, 'exit');
    child.stdin?.write('line\n');
    sandbox.work();
    expect(await answer).toBe('line\n');
    expect(await exit).toEqual([7, null]);
  });

  it('tells of a program that is not there by an error event, and registers nothing', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = sandbox.spawn('/no/such/program', ['word']);
    expect(child.pid).toBeUndefined();
    const [error] = await once(child, 'error');
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'spawn /no/such/program' });
    expect(sandbox.state.pids).toEqual([]);
    expect(sandbox.state.holdCount).toBe(0);
  });

  it('leaves arguments that are wrong to Node', () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const { spawn: inside } = sandbox as { spawn: (...given: unknown[]) => unknown };
    for (const given of [[], [5], ['sh', 'word'], ['sh', [], 'word'], ['sh', { cwd: 5 }], ['sh', ['\0']]]) {
      let error: unknown;
      try {
        (spawn as (...all: unknown[]) => unknown)(...given);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(TypeError);
      expect(() => inside(...given)).toThrow(error as Error);
    }
    expect(sandbox.state.holdCount).toBe(0);
  });

  it('forks a program that answers messages, and those of a freeze after it', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = started(sandbox.fork(echo, ['one']));
    child.send('first');
    expect(await once(child, 'message')).toMatchObject({ 0: { echo: 'first', args: ['one'] } });
    await freeze(sandbox);
    const answer = once(child, 'message');
    child.send('second');
    sandbox.work();
    expect(await answer).toMatchObject({ 0: { echo: 'second' } });
    const exit = once(child, 'exit');
    child.disconnect();
    expect(await exit).toEqual([0, null]);
  });

  it('forks without arguments', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = sandbox.fork(echo, { execArgv: ['--no-warnings'] });
    child.send('word');
    expect(await once(child, 'message')).toMatchObject({ 0: { echo: 'word', args: [] } });
    child.disconnect();
  });

  it('adopts a child of another library', async () => {
    const sandbox = makeSandbox({ mode, ...byHand });
    const child = adopt(spawn(targetProgram, ['sleep'], { stdio: ['pipe', 'pipe', 'inherit'], detached: true }));
    expect(sandbox.adopt(child)).toBe(child);
    expect(sandbox.adopt(child)).toBe(child);
    expect(sandbox.state.pids).toEqual([child.pid]);
    const ended = await sandbox.terminate(patient);
    expect(ended).toMatchObject([{ pid: child.pid, isChild: true, signalCode: 'SIGTERM' }]);
  });
});

describe('spawn', () => {
  it('makes each child the leader of its group in mode process-group, and refuses detached: false', () => {
    const sandbox = makeSandbox({ mode: FreezeMode.ProcessGroup, ...byHand });
    const { pid } = sleeperIn(sandbox);
    expect(statField(pid, 5)).toBe(String(pid));
    for (const start of [
      () => sandbox.spawn(targetProgram, ['sleep'], { detached: false }),
      () => sandbox.spawn(targetProgram, { detached: false }),
      () => sandbox.fork(echo, { detached: false }),
    ]) {
      expect(start).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }));
    }
    const child = adopt(spawn(targetProgram, ['sleep'], { stdio: 'pipe' }));
    expect(() => sandbox.adopt(child)).toThrow(InvalidPidError);
    expect(letterOf(child.pid ?? 0)).not.toBe('');
    expect(leftovers().sort()).toEqual([pid, child.pid].sort());
  });

  it('refuses a shell in mode process', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, ...byHand });
    for (const shell of [true, '/bin/sh']) {
      expect(() => sandbox.spawn('exit 3', { shell })).toThrow(/options.shell is set, and in mode 'process'/);
    }
    expect(leftovers()).toEqual([]);
    for (const shell of [undefined, false, '', null]) {
      const child = sandbox.spawn('/bin/true', { shell: shell as never });
      expect(await once(child, 'exit')).toEqual([0, null]);
    }
  });

  it('takes a shell in another mode', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.ProcessGroup, ...byHand });
    expect(await once(sandbox.spawn('exit 3', { shell: true }), 'exit')).toEqual([3, null]);
  });

  it('passes the environment on with a tag, behind that of a sandbox outside', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, ...byHand });
    const print = (env?: NodeJS.ProcessEnv) =>
      output(
        sandbox.spawn('/bin/sh', ['-c', 'echo $FREEZE_STATE_SANDBOX $WORD'], { ...(env && { env }), stdio: 'pipe' }),
      );
    const [id = ''] = /^[\w-]{36}(?=\n$)/.exec(await print()) ?? [];
    expect(id).not.toBe('');
    expect(await print({ WORD: 'word', FREEZE_STATE_SANDBOX: 'outer' })).toBe(`outer ${id} word\n`);
    expect(process.env['FREEZE_STATE_SANDBOX']).toBeUndefined();
  });

  it.each(sandboxModes)(
    'passes inherited variables on and no undefined ones, as Node does, in mode %s',
    async (mode) => {
      const sandbox = makeSandbox({ mode, ...byHand });
      const { PATH } = process.env;
      const shared = Object.assign(Object.create({ FIRST: 'first', NEVER: undefined }), { SECOND: 'second', PATH });
      const env = Object.defineProperty(Object.create(shared), 'HIDDEN', { value: 'hidden', enumerable: false });
      for (const one of [Object.assign(env, { THIRD: 3 }), Object.create(process.env)]) {
        const print = async (spawnOf: typeof spawn) => {
          const child = spawnOf('env', { env: one, stdio: ['ignore', 'pipe', 'inherit'] });
          const lines = (await text(child.stdout))
            .split('\n')
            .filter((line) => !line.startsWith('FREEZE_STATE_SANDBOX='));
          return lines.sort();
        };
        expect(await print(sandbox.spawn)).toEqual(await print(spawn));
      }
      expect((await sandbox.terminate(patient)).length).toBeLessThanOrEqual(2);
    },
  );

  it('starts nothing once the state is closed', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, ...byHand });
    const child = sleeperIn(sandbox);
    sandbox.state.close();
    expect(() => sleeperIn(sandbox)).toThrow(FreezeClosedError);
    expect(() => sandbox.work()).toThrow(FreezeClosedError);
    expect(leftovers()).toEqual([child.pid]);
    expect(child.kill()).toBe(true);
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });

  it('ends a child that cannot be a member', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, ...byHand });
    sandbox.state.registerPid = () => {
      throw new Error('no');
    };
    expect(() => sleeperIn(sandbox)).toThrow('no');
    while (leftovers().length > 0) await turns(1);
    expect(sandbox.state.holdCount).toBe(0);
  });
});
