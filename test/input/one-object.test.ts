import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { openPidfds } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

describe('the constructor with one object', () => {
  it('takes mode, pids and options from it', () => {
    const pids = [sleeper().pid, sleeper().pid];
    const state = new FreezeState({ mode: 'process', pids: new Set(pids), boost: false });
    expect({ mode: state.mode, pids: state.pids }).toEqual({ mode: 'process', pids });
    expect(state.freezeAtEpoch(0)).toBe(true);
    state.close();
    expect(new FreezeState({}).mode).toBe('none');
    expect(new FreezeState({ pids: [] }).pids).toEqual([]);
  });

  it('registers all or none', () => {
    const before = openPidfds();
    const pids = [sleeper().pid, process.pid];
    expect(errorOf(() => new FreezeState({ mode: 'process', pids }))).toMatchObject({ code: 'ERR_FREEZE_INVALID_PID' });
    expect(openPidfds()).toEqual(before);
  });

  it('refuses a mode and pids of the wrong type, and says what it takes', () => {
    expect(errorOf(() => new FreezeState({ mode: 'tree' as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('"tree" is not a mode'),
    });
    expect(errorOf(() => new FreezeState({ pids: 7 as never }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringContaining('pids is 7'),
    });
  });

  it('refuses further arguments, which would be ignored', () => {
    for (const more of [[7], [undefined, { boost: false }], [undefined, null]]) {
      const Loose = FreezeState as new (...args: unknown[]) => FreezeState;
      expect(errorOf(() => new Loose({ mode: 'process' }, ...more))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('expected all in one object'),
      });
    }
  });
});
