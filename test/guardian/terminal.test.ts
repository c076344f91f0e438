import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { args, extension, root } from '../emulator/helpers';
import { letterOf } from '../helpers/proc';
import { start } from '../helpers/processes';
import { until } from '../helpers/until';

/** The example emulator in a terminal of its own (script(1)), with everything frozen. */
async function inTerminal() {
  const words = args({ extensions: [extension('one'), extension('two')], more: ['--gap', 600_000] });
  const quoted = [process.execPath, '--import', 'tsx', 'examples/lambda-emulator/main.ts', ...words].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  );
  const terminal = start('script', ['--quiet', '--return', '--command', `exec ${quoted.join(' ')}`, '/dev/null'], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', SHELL: '/bin/sh' },
  });
  let printed = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const pids = () => [...printed.matchAll(/ start .* name=\S+ pid=(\d+)\r?$/gm)].map(([, pid]) => Number(pid));
  onTestFinished(() => {
    for (const pid of pids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  });
  await until(() => pids().map(letterOf).join('') === 'TTT', `everything is frozen: ${printed}`);
  return { terminal, pids: pids(), exit: once(terminal, 'exit') };
}

describe('in a real terminal, with the runtime and two extensions frozen', () => {
  it('Ctrl-C leaves no process behind', async () => {
    const { terminal, pids, exit } = await inTerminal();
    terminal.stdin.write('\x03');
    expect(await exit).toEqual([130, null]);
    await until(() => pids.every((pid) => ['', 'Z', 'X'].includes(letterOf(pid))), 'all have ended');
  });

  it('Ctrl-\\, at which no code of the emulator runs, leaves no process stopped', async () => {
    const { terminal, pids, exit } = await inTerminal();
    terminal.stdin.write('\x1c');
    await exit;
    await until(() => !pids.map(letterOf).includes('T'), 'no process is stopped');
  });

  it('closing the terminal leaves no process stopped', async () => {
    const { terminal, pids, exit } = await inTerminal();
    terminal.kill('SIGKILL');
    await exit;
    await until(() => !pids.map(letterOf).includes('T'), 'no process is stopped');
  });
});
