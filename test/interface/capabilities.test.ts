import { spawnSync } from 'node:child_process';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import {
  canHideCgroups,
  canHideProc,
  canMakeCgroupNamespace,
  canMakePidNamespace,
  canMakeTimeNamespace,
  canMountNoexec,
} from '../helpers/namespaces';
import { canPause } from '../helpers/paused';
import { canBecomeNobody } from '../helpers/processes';
import { hasClangFormat } from '../helpers/tools';

describe('FreezeState.capabilities', () => {
  it('says what works here', () => {
    // A machine without a hierarchy of version 2, or where it is read-only, is told so.
    const obstacle = signallingModes.includes('cgroup')
      ? {}
      : { code: expect.any(String), reason: expect.stringContaining('cgroup'), remedy: expect.any(String) };
    expect(FreezeState.capabilities).toEqual({
      modes: {
        none: { available: true },
        process: { available: true },
        'process-group': { available: true },
        'process-tree': { available: true },
        cgroup: { available: signallingModes.includes('cgroup'), ...obstacle },
      },
      signalling: 'pidfd',
      boost: expect.any(Boolean),
      guardian: { available: true },
    });
  });

  it('says that it may boost where chrt(1) may', () => {
    expect(FreezeState.capabilities.boost).toBe(spawnSync('chrt', ['--fifo', '1', 'true']).status === 0);
  });

  it('is one object, and frozen to its leaves', () => {
    const { capabilities } = FreezeState;
    expect(FreezeState.capabilities).toBe(capabilities);
    const { modes, guardian } = capabilities;
    for (const part of [capabilities, modes, modes.none, modes.process, guardian]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

// Suites run in the modes that there are, and skip what takes another user: what a machine does not have is not missed.
describe.runIf(process.env['CI'] === 'true' && process.platform === 'linux')('in CI nothing is skipped:', () => {
  /** CONTRIBUTING.md says what it is for. */
  const missing = (process.env['FREEZE_STATE_CI_ALLOW_MISSING'] ?? '').split(',');
  const { modes, boost } = FreezeState.capabilities;
  /** Of these a plain user has some or none, by the system's settings: their tests run as root. */
  const isPlainUser = process.geteuid?.() !== 0;
  const canMount = canMountNoexec && canHideProc && (canHideCgroups || !modes.cgroup.available);
  const needed: readonly (readonly [string, boolean, string | undefined])[] = [
    ...Object.entries(modes).map(([mode, { available, reason }]) => [mode, available, reason] as const),
    ['boost', boost, 'This user may not enter a real-time class (sched(7)).'],
    ['nobody', canBecomeNobody, 'This user may not become another, or that one may not read this package.'],
    ['pid-namespace', canMakePidNamespace, 'unshare(1) cannot make a pid namespace here.'],
    ['pause', canPause, 'A system call cannot be made to wait for another process (seccomp_unotify(2)).'],
    ['clang-format', hasClangFormat, 'There is no clang-format-19.'],
    ['mount', isPlainUser || canMount, 'Root cannot mount a tmpfs here, or unmount /proc or cgroups, in a namespace.'],
    ['cgroup-namespace', isPlainUser || canMakeCgroupNamespace, 'unshare(1) cannot make a cgroup namespace here.'],
    ['time-namespace', isPlainUser || canMakeTimeNamespace, 'unshare(1) cannot make a time namespace here.'],
  ];

  it.each(needed.filter(([name]) => !missing.includes(name)))('%s is there', (_, isThere, reason) => {
    expect(isThere, reason).toBe(true);
  });

  it('what may be missing is something that is needed', () => {
    const names = needed.map(([name]) => name);
    expect(missing.filter((name) => name !== '' && !names.includes(name))).toEqual([]);
  });
});
