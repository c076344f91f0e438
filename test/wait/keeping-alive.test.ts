import { describe, expect, it } from 'vitest';
import { runInNode } from '../helpers/node';

const ended = { code: 0, signal: null, stderr: '' };

describe('a pending wait', () => {
  it('keeps the process alive until it ends', async () => {
    // The change comes by way of an unref'd timer: only the wait is there to wait for it.
    const ending = await runInNode(({ FreezeState }) => {
      const state = new FreezeState();
      setTimeout(() => state.unfreeze(), 50).unref();
      return state.waitForStateChange().then(({ epoch }) => epoch);
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '1' });
  });

  it('keeps it alive with ref: true, and with a timeout', async () => {
    const ending = await runInNode(({ FreezeState }) => {
      const state = new FreezeState();
      const wait = state.waitForStateChange({ ref: true, timeout: 50 });
      return wait.catch((error: unknown) => (error as Error).name);
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '"FreezeTimeoutError"' });
  });

  it('lets the process end with ref: false', async () => {
    const ending = await runInNode(({ FreezeState }) => {
      return new FreezeState().waitForStateChange({ ref: false });
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '' });
  });

  it('lets the process end with ref: false and a timeout', async () => {
    const ending = await runInNode(({ FreezeState }) => {
      return new FreezeState().waitForStateChange({ ref: false, timeout: 2 ** 31 - 1 });
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '' });
  });

  it('stops keeping it alive once the wait has ended, in whatever way', async () => {
    const ending = await runInNode(async ({ FreezeState }) => {
      const abort = new AbortController();
      const [one, other] = [new FreezeState(), new FreezeState()];
      const waits = [
        one.waitForStateChange(),
        one.waitForStateChange({ timeout: 2 ** 31 - 1 }),
        other.waitForStateChange({ signal: abort.signal, timeout: 2 ** 31 - 1 }),
        other.waitForStateChange({ timeout: 1 }),
        other.waitForStateChange({ ref: false }),
        other.waitForStateChange(),
      ];
      one.unfreeze();
      abort.abort();
      setTimeout(() => other.close(), 50);
      return (await Promise.allSettled(waits)).map(({ status }) => status);
    }, []);
    expect(ending).toMatchObject(ended);
    expect(JSON.parse(ending.stdout)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  it('keeps it alive even if an error prevented the release of waits that ended before it', async () => {
    const ending = await runInNode(async ({ FreezeState }) => {
      process.on('uncaughtException', () => undefined);
      const state = new FreezeState();
      const first = state.waitForStateChange();
      await null;
      // Before the immediate in which the first stops listening; and after an error no microtask runs in between.
      setImmediate(() => {
        const last = state.waitForStateChange().then(() => state.waitForStateChange());
        void last.then(({ epoch }) => console.log(epoch));
        state.unfreeze();
        setTimeout(() => state.unfreeze(), 50).unref();
        throw new Error('on purpose');
      });
      state.unfreeze();
      await first;
    }, []);
    expect(ending).toMatchObject({ code: 0, stdout: '3\n' });
  });

  it('with ref: false does not keep another wait from keeping it alive', async () => {
    const ending = await runInNode(({ FreezeState }) => {
      const state = new FreezeState();
      void state.waitForStateChange({ ref: false });
      setTimeout(() => state.unfreeze(), 50).unref();
      return state.waitForStateChange().then(({ epoch }) => epoch);
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '1' });
  });
});

describe('a wait that fails and whose promise has no handler', () => {
  it('is an unhandled rejection, as everywhere in Node', async () => {
    const { code, stderr } = await runInNode(({ FreezeState }) => {
      void new FreezeState().waitForStateChange({ timeout: 1 });
    }, []);
    expect(code).toBe(1);
    expect(stderr).toContain('FreezeTimeoutError');
  });
});
