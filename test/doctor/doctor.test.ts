import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { version } from '../../package.json';
import { childEnvironment } from '../helpers/environment';
import { signallingModes } from '../helpers/modes';
import { afterMounting, canHideCgroups } from '../helpers/namespaces';
import type { Ending, NodeOptions } from '../helpers/node';
import { cgroupMount, stopped } from '../helpers/proc';
import { canBecomeNobody, nobody, sleeper, start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';

const program = join(__dirname, '../../dist/doctor/main.js');

/** Runs the command under a watchdog. */
async function command(args: readonly string[], options: NodeOptions = {}): Promise<Ending> {
  const { node = [], launch = ['none'], under = [] } = options;
  const line = [...launch, '--', ...under, process.execPath, ...node, program, ...args];
  const child = start(launchProgram, line, { timeout: 90_000, killSignal: 'SIGKILL', env: childEnvironment() });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { code, signal, stdout, stderr };
}

/** What `doctor --json` prints. */
async function findings(args: readonly string[], code: number, options?: NodeOptions) {
  const { stdout, ...ending } = await command(['doctor', '--json', ...args], options);
  expect(ending, stdout).toEqual({ code, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

const works = { works: true, freezeMs: expect.any(Number), thawMs: expect.any(Number) };
const withoutCgroups = { under: afterMounting(`umount ${cgroupMount()}`) };
/** Every SIGSTOP by a pidfd is refused, as by a security module. */
const noSigstop = [`refuse=${constants.signals.SIGSTOP}:${constants.errno.EPERM}`];
const signalModes = Object.values(FreezeMode).filter((mode) => mode !== FreezeMode.None && mode !== FreezeMode.Cgroup);
const signalModesWork = Object.fromEntries(signalModes.map((mode) => [mode, works]));

describe('freeze-state doctor', () => {
  it('freezes and thaws a child in each mode that there is, and recommends the first that works', async () => {
    const { modes, signalling, boost } = FreezeState.capabilities;
    const cgroup = modes.cgroup.available ? works : { ...modes.cgroup, available: undefined, works: false };
    expect(await findings([], 0)).toEqual({
      schemaVersion: 1,
      version,
      node: process.version,
      platform: 'linux',
      arch: process.arch,
      kernel: expect.any(String),
      uid: process.geteuid?.(),
      modes: { ...signalModesWork, cgroup },
      signalling,
      boost,
      guardian: expect.objectContaining({ available: true }),
      stopped: expect.any(Array),
      recommended: modes.cgroup.available ? 'cgroup' : 'process-tree',
    });
  });

  it('prints for people what --json has for programs', async () => {
    const { stdout, ...ending } = await command(['doctor']);
    expect(ending).toEqual({ code: 0, signal: null, stderr: '' });
    for (const mode of signallingModes) {
      expect(stdout).toMatch(
        new RegExp(`^${mode} +works: a child was frozen in [\\d.]+ ms, thawed in [\\d.]+ ms$`, 'm'),
      );
    }
    expect(stdout).toMatch(/^Take mode (cgroup|process-tree)\.$/m);
  });

  it('lists a process that is stopped, with the program and the way', async () => {
    const { pid } = sleeper();
    process.kill(pid, 'SIGSTOP');
    await stopped(pid);
    const { stopped: found } = await findings(['--mode', 'process'], 0);
    expect(found).toContainEqual({ pid, name: 'target', by: 'signal' });
    expect((await command(['doctor', '--mode', 'process'])).stdout).toMatch(
      new RegExp(`${pid} "target", by a signal|and \\d+ more`),
    );
  });

  it.runIf(signallingModes.includes('cgroup'))('lists one whose control group is frozen', async () => {
    const { pid } = sleeper();
    using state = new FreezeState('cgroup', pid);
    await state.confirmFreezeAtEpoch(0);
    const { stopped: found } = await findings(['--mode', 'process'], 0);
    expect(found).toContainEqual({ pid, name: 'target', by: 'cgroup' });
  });

  it.runIf(canBecomeNobody)('as a plain user says which mode takes more rights, and what to do', async () => {
    const { modes, recommended, uid } = await findings([], 0, { launch: [`user=${nobody}`] });
    expect(uid).toBe(nobody);
    expect(modes).toMatchObject(signalModesWork);
    expect(modes.cgroup).toEqual({
      works: false,
      code: expect.any(String),
      reason: expect.any(String),
      remedy: expect.any(String),
    });
    expect(recommended).toBe('process-tree');
  });

  it.runIf(canHideCgroups)('without control groups recommends a tree, and fails for mode cgroup', async () => {
    const { modes, recommended } = await findings([], 0, withoutCgroups);
    expect(modes.cgroup).toMatchObject({ works: false, code: expect.any(String), remedy: expect.any(String) });
    expect(recommended).toBe('process-tree');

    const one = await findings(['--mode', 'cgroup'], 1, withoutCgroups);
    expect(Object.keys(one.modes)).toEqual(['cgroup']);
    expect(one).not.toHaveProperty('recommended');
  });

  it.runIf(canHideCgroups)('where nothing works gives the error of each mode, and fails', async () => {
    const nothing = { launch: noSigstop, ...withoutCgroups };
    const { modes, recommended } = await findings([], 1, nothing);
    expect(recommended).toBeUndefined();
    for (const mode of signalModes) {
      expect(modes[mode]).toEqual({ works: false, code: 'ERR_FREEZE_PERMISSION_DENIED', reason: expect.any(String) });
    }
    const { code, stdout } = await command(['doctor'], nothing);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^process-tree +does not work \(ERR_FREEZE_PERMISSION_DENIED\)\./m);
    expect(stdout).toMatch(/^No mode works here\.$/m);
  });

  it('where the addon does not load says why', async () => {
    const blind = { node: ['--no-addons'] };
    expect(await findings([], 1, blind)).toMatchObject({ schemaVersion: 1, code: 'ERR_FREEZE_NO_BINARY' });
    const { code, stdout } = await command(['doctor'], blind);
    expect(code).toBe(1);
    expect(stdout).toContain('--no-addons');
  });

  it.each([
    [[], 'a command is missing'],
    [['doktor'], '"doktor"'],
    [['doctor', 'now'], '"now"'],
    [['doctor', '--mode', 'none'], '"none"'],
    [['doctor', '--jsn'], '--jsn'],
  ] as const)('takes %j for a mistake', async (args, named) => {
    const { code, stdout, stderr } = await command(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(named);
    expect(stderr).toContain('Usage: freeze-state doctor');
  });

  it('tells its usage and its version', async () => {
    expect((await command(['--help'])).stdout).toContain('Usage: freeze-state doctor');
    expect((await command(['--version'])).stdout).toBe(`${version}\n`);
  });
});
