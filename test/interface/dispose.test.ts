import { FreezeClosedError, FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { running, stopped } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

describe('a state declared with using', () => {
  it('thaws and is closed at the end of its block', async () => {
    const { pid } = sleeper();
    let escaped: FreezeState;
    {
      using state = new FreezeState(FreezeMode.Process, pid);
      escaped = state;
      state.freezeAtEpoch(0);
      await stopped(pid);
    }
    await running(pid);
    expect(() => escaped.isFrozen).toThrow(FreezeClosedError);
  });

  it('thaws when its block throws', async () => {
    const { pid } = sleeper();
    expect(() => {
      using state = new FreezeState(FreezeMode.Process, pid);
      state.freezeAtEpoch(0);
      throw new Error('on purpose');
    }).toThrow('on purpose');
    await running(pid);
  });

  it('may be closed before', () => {
    using state = new FreezeState();
    state.close();
  });
});
