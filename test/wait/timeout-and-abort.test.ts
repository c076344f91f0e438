import { FreezeState, FreezeTimeoutError } from 'freeze-state';
import { describe, expect, it, vi } from 'vitest';
import { type Tools, valueInNode } from '../helpers/node';
import { sideEffectLibrary } from '../helpers/programs';
import { turns } from '../helpers/until';

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not reject.');
}

describe('a timeout', () => {
  // Else the child is killed after 90 s.
  it.runIf(process.platform === 'linux')('of a blocking wait passes although the clock is set back', async () => {
    const wait = ({ FreezeState: State }: Tools) => `${new State().waitForStateChangeSync({ timeout: 100 })}`;
    // Behind the runtime of the address sanitizer, where that is loaded in this way.
    const libraries = [process.env['LD_PRELOAD'], sideEffectLibrary].filter(Boolean).join(' ');
    const under = ['env', `LD_PRELOAD=${libraries}`, 'FREEZE_TEST_SIDE_EFFECT=set-back'];
    expect(await valueInNode(wait, [], { under })).toBe('undefined');
  });

  it('rejects with FreezeTimeoutError, which holds the milliseconds', async () => {
    const error = await rejection(new FreezeState().waitForStateChange({ timeout: 5 }));
    expect(error).toBeInstanceOf(FreezeTimeoutError);
    expect(error).toMatchObject({ code: 'ERR_FREEZE_TIMEOUT', timeout: 5 });
    expect((error as Error).message).toContain('within 5 ms');
  });

  it('gives an error whose stack starts at the caller of the wait', async () => {
    function theCaller() {
      return new FreezeState().waitForStateChange({ timeout: 1 });
    }
    const error = (await rejection(theCaller())) as Error;
    const [, frame] = error.stack?.split('\n') ?? [];
    expect(frame).toContain('theCaller');
    expect(frame).toContain('timeout-and-abort.test.ts');
  });

  it('of 0 passes in a later turn', async () => {
    const error = await rejection(new FreezeState().waitForStateChange({ timeout: 0 }));
    expect(error).toBeInstanceOf(FreezeTimeoutError);
  });

  it('does not matter after the change', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const before = timers();
    const state = new FreezeState();
    const change = state.waitForStateChange({ timeout: 1000 });
    expect(timers()).toBe(before + 1);
    state.unfreeze();
    expect(timers()).toBe(before);
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
  });

  it('does not matter where the state has changed already', async () => {
    const state = new FreezeState();
    const since = state.snapshot();
    state.unfreeze();
    expect(await state.waitForStateChange({ since, timeout: 0 })).toEqual({ epoch: 1, isFrozen: false });
  });

  it('leaves the other waits alone', async () => {
    const state = new FreezeState();
    const other = state.waitForStateChange();
    await rejection(state.waitForStateChange({ timeout: 1 }));
    state.unfreeze();
    expect(await other).toEqual({ epoch: 1, isFrozen: false });
  });
});

describe('an abort', () => {
  it('before the wait rejects with the reason', async () => {
    const reason = { because: 'it was aborted before' };
    const wait = new FreezeState().waitForStateChange({ signal: AbortSignal.abort(reason) });
    expect(await rejection(wait)).toBe(reason);
  });

  it('before the wait rejects it even if the state has changed already', async () => {
    const state = new FreezeState();
    const since = state.snapshot();
    state.unfreeze();
    const reason = new Error('aborted');
    expect(await rejection(state.waitForStateChange({ since, signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  it('during the wait rejects with the reason', async () => {
    const abort = new AbortController();
    const wait = new FreezeState().waitForStateChange({ signal: abort.signal });
    await turns();
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await rejection(wait)).toBe(reason);
  });

  it('without a reason rejects with an AbortError, as in Node', async () => {
    const abort = new AbortController();
    const wait = new FreezeState().waitForStateChange({ signal: abort.signal });
    abort.abort();
    expect(await rejection(wait)).toMatchObject({ name: 'AbortError' });
  });

  it('arrives even if an earlier listener stops its propagation, as in node:timers/promises', async () => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
    const wait = new FreezeState().waitForStateChange({ signal: controller.signal });
    controller.abort('enough');
    await expect(wait).rejects.toBe('enough');
  });

  it('after the change does not matter, and no listener is left behind', async () => {
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')];
    const state = new FreezeState();
    const change = state.waitForStateChange({ signal });
    state.unfreeze();
    await change;
    expect(add).toHaveBeenCalledOnce();
    expect(remove).toHaveBeenCalledOnce();
    expect(remove.mock.calls[0]?.slice(0, 2)).toEqual(add.mock.calls[0]?.slice(0, 2));
  });

  it('leaves the other waits and the state alone', async () => {
    const abort = new AbortController();
    const state = new FreezeState();
    const other = state.waitForStateChange();
    const wait = state.waitForStateChange({ signal: abort.signal });
    abort.abort();
    await rejection(wait);
    state.unfreeze();
    expect(await other).toEqual({ epoch: 1, isFrozen: false });
  });
});
