import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { Sandbox } from 'freeze-state/sandbox';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownCgroups } from '../helpers/modes';
import { start } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import { leftovers, output, sandboxModes, started } from '../helpers/sandboxes';
import { until } from '../helpers/until';

const emulatorProgram = join(__dirname, 'fixtures/emulator.cjs');

/** The shell, and those that it starts and that stay. */
const fewest = 5;

/** Has an emulator begin in that mode and end in that way; gives how it ended, and whether its sandbox ran after it was frozen. */
async function endOf(mode: FreezeMode, isFrozen: boolean, way: string) {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-death-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const words = [emulatorProgram, mode, folder];
  const others = leftovers().length;
  const emulator = started(
    start(process.execPath, words, { stdio: ['pipe', 'pipe', way === 'throw' ? 'ignore' : 'inherit'] }),
  );
  expect(await output(emulator)).toBe('started\n');
  await until(() => leftovers().length > others + fewest, 'all have begun');
  if (isFrozen) {
    emulator.stdin?.write('freeze\n');
    expect(await output(emulator)).toBe('true\n');
  }
  // It may have been killed before the first.
  const ticks = () => (existsSync(join(folder, 'ticks')) ? readFileSync(join(folder, 'ticks'), 'latin1').length : 0);
  const before = ticks();
  const exit = once(emulator, 'exit');
  emulator.stdin?.write(`${way}\n`);
  const [code, signal] = (await exit) as [number | null, string | null];
  await until(() => guardianOf(emulator.pid) === undefined, 'its guardian has done its work');
  return { code, signal, hasRun: () => ticks() !== before };
}

function guardianOf(pid: number): string | undefined {
  return readdirSync('/proc').find((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1') === `freeze-state-guardian\0${pid}\0`;
    } catch {
      return false;
    }
  });
}

/** A process that this sandbox has nothing to do with, though it has such a variable. */
function bystander(): number {
  const env = { ...process.env, FREEZE_STATE_SANDBOX: 'another' };
  return started(start(targetProgram, ['sleep'], { env })).pid;
}

describe.runIf(process.platform === 'linux')('a sandbox that is to end with its emulator', () => {
  const states = sandboxModes.flatMap((mode) => [
    [mode, 'running'] as const,
    ...(mode === FreezeMode.None ? [] : [[mode, 'frozen'] as const]),
  ]);

  it.each(states)('ends, in mode %s and %s, when that is killed', async (mode, how) => {
    const other = bystander();
    const { signal, hasRun } = await endOf(mode, how === 'frozen', 'kill');
    expect(signal).toBe('SIGKILL');
    await until(() => leftovers().length <= 1, 'its processes have ended');
    expect(leftovers()).toEqual([other]);
    if (how === 'frozen') expect(hasRun()).toBe(false);
    await until(() => ownCgroups().length === 0, 'its cgroup is removed');
  });

  it.each([
    ['is terminated', 'terminate', { signal: 'SIGTERM' }],
    ['crashes', 'abort', { signal: 'SIGABRT' }],
    ['exits', 'exit', { code: 7 }],
    ['exits without telling it', 'leave', { code: 7 }],
    ['throws', 'throw', { code: 1 }],
    ['has nothing left to do', 'return', { code: 0 }],
  ])('ends, without having run again, when that %s', async (_, way, end) => {
    const mode = sandboxModes.includes(FreezeMode.ProcessTree) ? FreezeMode.ProcessTree : FreezeMode.None;
    const { hasRun, ...ended } = await endOf(mode, mode !== FreezeMode.None, way);
    expect(ended).toMatchObject(end);
    await until(() => leftovers().length === 0, 'its processes have ended');
    if (mode !== FreezeMode.None) expect(hasRun()).toBe(false);
  });

  it.each([
    ['is killed', 'close', { signal: 'SIGKILL' }],
    ['exits in the same turn', 'close and exit', { code: 7 }],
    ['has nothing left to do', 'close and return', { code: 0 }],
  ])('lives on when its state was closed before its emulator %s', async (_, way, end) => {
    const { code, signal } = await endOf(FreezeMode.None, false, way);
    expect({ code, signal }).toMatchObject(end);
    expect(leftovers().length).toBeGreaterThanOrEqual(fewest - 1);
  });
});

it.each([
  [{ onParentDeath: 'live' }, 'options.onParentDeath is "live"; expected "thaw" or "kill".'],
  [{ state: { onParentDeath: 'kill' } }, /^options.state has onParentDeath or mark, which a sandbox sets/],
  [{ onParentDeath: 'kill', state: { guardian: false } }, /^options.onParentDeath is 'kill', which the guardian does/],
])('new Sandbox(%j) is an error', (options, message) => {
  expect(() => new Sandbox(options as never)).toThrow(message);
});

it.each([
  [{ onParentDeath: 5 }, 'options.onParentDeath is 5; expected "thaw" or "kill".'],
  [{ onParentDeath: 'kill', guardian: false }, /^options.onParentDeath is 'kill', which the guardian does/],
  [{ onParentDeath: 'kill', mark: 'a b' }, /^options.mark is "a b"; expected 1 to 55 characters/],
  [{ onParentDeath: 'kill', mark: 'a'.repeat(56) }, /expected 1 to 55 characters/],
  [{ mark: 'a' }, /^options.mark is for onParentDeath: 'kill'/],
])('new FreezeState(%j) is an error', (options, message) => {
  expect(() => new FreezeState(options as never)).toThrow(message);
});
