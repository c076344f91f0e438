import { setImmediate } from 'node:timers/promises';
import { FreezeClosedError, FreezeMode, FreezeState, FreezeTimeoutError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { runInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';
import { Thread } from './threads';

describe('holdCount', () => {
  it('counts the holds of all threads', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    expect(state.holdCount).toBe(0);
    const [first, second] = [state.hold(), state.hold()];
    const thread = await Thread.start(state.share());
    const seen = await thread.run((tools) => {
      tools.kept['hold'] = tools.state.hold();
      return tools.state.holdCount;
    });
    expect(seen).toBe(3);
    expect(state.holdCount).toBe(3);
    first.release();
    first.release();
    expect(state.holdCount).toBe(2);
    second.release();
    await thread.worker.terminate();
    expect(state.holdCount).toBe(0);
  });

  it('throws after close', () => {
    const state = new FreezeState();
    state.close();
    expect(() => state.holdCount).toThrow(FreezeClosedError);
  });
});

describe('waitForRelease', () => {
  it('resolves at once where nothing is held, with the state as it is', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    state.unfreeze();
    expect(await state.waitForRelease()).toEqual({ epoch: 1, isFrozen: false });
  });

  it('resolves when this thread releases its last hold, and not before; thaws do not end it', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const holds = [state.hold(), state.hold()];
    let isOver = false;
    const released = state.waitForRelease().finally(() => {
      isOver = true;
    });
    holds[0]?.release();
    state.unfreeze();
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    expect(isOver).toBe(false);
    holds[1]?.release();
    const { epoch, isFrozen } = await released;
    expect({ epoch, isFrozen }).toEqual({ epoch: 3, isFrozen: false });
    expect(state.freezeAtEpoch(epoch)).toBe(true);
  });

  it('resolves before the event loop goes on, where this thread makes the release', async () => {
    const state = new FreezeState();
    const hold = state.hold();
    let isOver = false;
    void state.waitForRelease().then(() => {
      isOver = true;
    });
    await setImmediate();
    hold.release();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(isOver).toBe(true);
  });

  it('resolves when another thread releases the last hold, and when that thread ends with it', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    for (const end of ['release', 'thread']) {
      await thread.run((tools) => {
        tools.kept['hold'] = tools.state.hold();
      });
      const released = state.waitForRelease();
      if (end === 'thread') await thread.worker.terminate();
      else await thread.run((tools) => (tools.kept['hold'] as Disposable)[Symbol.dispose]());
      expect(await released).toMatchObject({ isFrozen: false });
      expect(state.holdCount).toBe(0);
    }
  });

  it('G8: misses no release, whenever another thread makes it', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    for (let round = 0; round < 500; round += 1) {
      // The other thread releases while this one begins to wait, a little earlier or later from round to round.
      await thread.run((tools) => {
        tools.kept['hold'] = tools.state.hold();
      });
      const release = thread.run((tools) => (tools.kept['hold'] as Disposable)[Symbol.dispose]());
      const begin = performance.now() + (round % 50) / 250;
      while (performance.now() < begin);
      await state.waitForRelease({ timeout: 10_000 });
      await release;
    }
  });

  it('rejects after its timeout, when aborted, and when the state is closed', async () => {
    const state = new FreezeState();
    const hold = state.hold();
    const late = state.waitForRelease({ timeout: 5 });
    await expect(late).rejects.toThrow(FreezeTimeoutError);
    await expect(late).rejects.toThrow('The state was not released within 5 ms.');
    const controller = new AbortController();
    const aborted = state.waitForRelease({ signal: controller.signal });
    controller.abort(new Error('no longer'));
    await expect(aborted).rejects.toThrow('no longer');
    const closed = state.waitForRelease();
    state.close();
    await expect(closed).rejects.toThrow(FreezeClosedError);
    await expect(state.waitForRelease()).rejects.toThrow(FreezeClosedError);
    hold.release();
  });

  it('takes no `since`, and says what it takes', async () => {
    const state = new FreezeState();
    const options = { since: state.snapshot() } as object;
    await expect(state.waitForRelease(options)).rejects.toThrow(TypeError);
    await expect(state.waitForRelease(options)).rejects.toThrow('since');
  });

  it.each([true, false])('keeps the process alive, or not: ref %s', async (ref) => {
    const { code, stdout } = await runInNode(
      ({ FreezeState: State }, isKept) => {
        const state = new State();
        const hold = state.hold();
        // Kept by the exit listener, so that it is not collected.
        process.on('exit', () => process.stdout.write(`${state.holdCount} held, ${hold.isReleased}`));
        state.waitForRelease({ ref: isKept, timeout: 50 }).catch(() => process.stdout.write('timed out, '));
      },
      [ref],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${ref ? 'timed out, ' : ''}1 held, false` });
  });
});
