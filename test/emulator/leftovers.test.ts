import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { afterAll, describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { args, cleanUp, eventually, letter, Run } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A run whose function has left daemons behind. */
async function withDaemons(
  name: string,
  others: object[],
  more: (string | number)[],
): Promise<{ run: Run; daemons: number[] }> {
  const file = join(folder, name);
  const event = { run: ['sh', join(__dirname, 'fixtures/daemons.sh'), file] };
  const run = new Run(args({ events: [event, ...others], more }), { detached: true });
  const daemons: number[] = [];
  cleanUp({ pids: () => daemons });
  await run.until('it is answered', () => run.lines.length > 0);
  daemons.push(...daemonsIn(file));
  return { run, daemons };
}

function daemonsIn(file: string): number[] {
  const pids = readFileSync(file, 'latin1').split(' ').map(Number);
  expect(pids).toHaveLength(3);
  return pids;
}

const hasGone = (pid: number) => '-ZX'.includes(letter(pid));

const ends = [
  ['returns', 0, FreezeMode.Cgroup, () => {}],
  ['is sent SIGTERM', 143, FreezeMode.ProcessGroup, (run: Run) => run.child.kill('SIGTERM')],
  ['gets Ctrl-C', 130, FreezeMode.ProcessTree, (run: Run) => process.kill(-run.pid, 'SIGINT')],
  ['is killed', null, FreezeMode.ProcessTree, (run: Run) => run.child.kill('SIGKILL')],
  ['throws', 1, FreezeMode.Process, (run: Run) => run.child.stdout?.destroy()],
] as const;

describe('nothing that the function has started survives an emulator', () => {
  it.each(ends.filter(([, , mode]) => signallingModes.includes(mode)))(
    'that %s, with %s, in mode %s',
    async (how, code, mode, end) => {
      // One response of many is written when nobody reads it.
      const others = how === 'throws' ? Array(100).fill({}) : [];
      const gap = code === null || code > 1 ? 60_000 : 300;
      const { run, daemons } = await withDaemons(how, others, ['--freeze', mode, '--gap', gap]);
      if (code !== 0) await run.until('it is frozen', () => run.count('freeze') > 0);
      end(run);
      await run.exitsWith(code);
      await eventually('nothing is left', () => daemons.every(hasGone));
    },
  );

  // One emulator for all modes: each takes a second of a processor to start.
  it.each(ends)('that %s, with %s, in whichever mode', async (way, code, _, end) => {
    const own = mkdtempSync(join(folder, 'every-mode-'));
    const modes = [FreezeMode.None, ...signallingModes];
    const script = 'test/emulator/fixtures/every-mode.cjs';
    const run = new Run([way, own, ...modes], { script, detached: true });
    const daemons: number[] = [];
    cleanUp({ pids: () => daemons });
    await run.until('all are answered and frozen', () => run.stdout === 'ready\n');
    daemons.push(...modes.flatMap((mode) => daemonsIn(join(own, mode))));
    const runtimes = Object.values(run.processes);
    expect(runtimes).toHaveLength(modes.length);
    if (code === null || code > 1) end(run);
    await run.exitsWith(code);
    await eventually('nothing is left', () => [...daemons, ...runtimes].every(hasGone));
  });
});
