import { spawnSync } from 'node:child_process';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';

describe('FreezeState.capabilities', () => {
  it('says what works here', () => {
    // A machine without a hierarchy of version 2, or where it is read-only, is told so.
    const reason = signallingModes.includes('cgroup') ? {} : { reason: expect.stringContaining('cgroup') };
    expect(FreezeState.capabilities).toEqual({
      modes: {
        none: { available: true },
        process: { available: true },
        'process-group': { available: true },
        'process-tree': { available: true },
        cgroup: { available: signallingModes.includes('cgroup'), ...reason },
      },
      signalling: 'pidfd',
      boost: expect.any(Boolean),
    });
  });

  it('says that it may boost where chrt(1) may', () => {
    expect(FreezeState.capabilities.boost).toBe(spawnSync('chrt', ['--fifo', '1', 'true']).status === 0);
  });

  it('is one object, and frozen to its leaves', () => {
    const { capabilities } = FreezeState;
    expect(FreezeState.capabilities).toBe(capabilities);
    for (const part of [capabilities, capabilities.modes, capabilities.modes.none, capabilities.modes.process]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});
