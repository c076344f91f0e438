import { once } from 'node:events';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { emulator } from '../emulator/compile';
import { args, extension, root } from '../emulator/helpers';
import { type Piped, start } from '../helpers/children';
import { fitFor, signallingModes } from '../helpers/modes';
import { letterOf, running, stopped } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { until } from '../helpers/until';

/** Runs a program in a terminal of its own (script(1)). What its output names by then ends with the test. */
function inTerminal(words: readonly (string | number)[], pidsIn: (printed: string) => number[]) {
  const quoted = [process.execPath, ...words].map((word) => `'${String(word).replaceAll("'", `'\\''`)}'`);
  const terminal = start('script', ['--quiet', '--return', '--command', `exec ${quoted.join(' ')}`, '/dev/null'], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', SHELL: '/bin/sh' },
  });
  let printed = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  onTestFinished(() => {
    for (const pid of pidsIn(printed)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  });
  return { terminal, printed: () => printed, pids: () => pidsIn(printed), exit: once(terminal, 'exit') };
}

/** The example emulator, with everything frozen. */
async function example(mode: FreezeMode = FreezeMode.Process) {
  const more = ['--gap', 600_000, '--freeze', mode];
  const words = args({ extensions: [extension('one'), extension('two')], more });
  const run = inTerminal([emulator, ...words], (printed) =>
    [...printed.matchAll(/ start .* name=\S+ pid=(\d+)\r?$/gm)].map(([, pid]) => Number(pid)),
  );
  await until(() => run.pids().map(letterOf).join('') === 'TTT', `everything is frozen: ${run.printed()}`);
  return { ...run, pids: run.pids() };
}

/** A program that freezes the processes and two children of its own, and does nothing about its end. */
async function plain(mode: FreezeMode, members: readonly number[]) {
  const run = inTerminal([join(__dirname, 'fixtures/frozen.cjs'), mode, ...members], (printed) => {
    const [, pids = ''] = /^frozen: ([\d ]+)\./m.exec(printed) ?? [];
    return pids.split(' ').filter(Boolean).map(Number);
  });
  await until(() => run.pids().length === 2, `its children are frozen: ${run.printed()}`);
  const [child = 0, apart = 0] = run.pids();
  await stopped(child, apart, ...members);
  return { ...run, child, apart };
}

describe('in a real terminal, with the runtime and two extensions of the example frozen', () => {
  it.each(signallingModes)('Ctrl-C leaves no process behind, in mode %s', async (mode) => {
    const { terminal, pids, exit } = await example(mode);
    terminal.stdin.write('\x03');
    expect(await exit).toEqual([130, null]);
    await until(() => pids.every((pid) => ['', 'Z', 'X'].includes(letterOf(pid))), 'all have ended');
  });

  it('Ctrl-\\, at which no code of the emulator runs, leaves no process stopped', async () => {
    const { terminal, pids, exit } = await example();
    terminal.stdin.write('\x1c');
    await exit;
    await until(() => !pids.map(letterOf).includes('T'), 'no process is stopped');
  });

  it('closing the terminal leaves no process stopped', async () => {
    const { terminal, pids, exit } = await example();
    terminal.kill('SIGKILL');
    await exit;
    await until(() => !pids.map(letterOf).includes('T'), 'no process is stopped');
  });
});

describe.each(signallingModes)('in a real terminal, what a plain program has frozen in mode %s runs', (mode) => {
  it.each([
    ['after Ctrl-C', (terminal: Piped) => terminal.stdin.write('\x03')],
    ['after Ctrl-\\', (terminal: Piped) => terminal.stdin.write('\x1c')],
    ['when the terminal is closed', (terminal: Piped) => terminal.kill('SIGKILL')],
  ] as const)('%s', async (_, end) => {
    const members = sleepers(2, fitFor(mode)).map(({ pid }) => pid);
    const { terminal, child, apart, exit } = await plain(mode, members);
    end(terminal);
    await exit;
    await running(apart, ...members);
    // The signal of the terminal is for this one, too, unless it leads a group of its own: it dies of it once it runs.
    await until(() => letterOf(child) !== 'T', 'its child runs, or has ended');
  });
});
