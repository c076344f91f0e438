import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { impossiblePid } from '../helpers/processes';

/** An operation that fails, called from a function that the stack must name first. */
const failing: Record<string, () => unknown> = {
  constructor: () => new FreezeState('process', 0),
  'constructor, bad mode': () => new FreezeState('no such mode' as never),
  'constructor, bad options': () => new FreezeState('none', undefined, 7 as never),
  'subclass constructor': () => new (class Sub extends FreezeState {})('process', 0),
  withPids: () => FreezeState.withPids('process', [0]),
  'withPids, bad pids': () => FreezeState.withPids('process', 7 as never),
  'withPids, bad mode': () => FreezeState.withPids('no such mode' as never, []),
  'withPids, bad options': () => FreezeState.withPids('process', [], 7 as never),
  freezeAtEpoch: () => new FreezeState('process').freezeAtEpoch(0),
  'freezeAtEpoch, gone': () => new FreezeState('process', impossiblePid).freezeAtEpoch(0),
  'freezeAtEpoch, bad epoch': () => new FreezeState('process').freezeAtEpoch(-1),
  registerPid: () => new FreezeState('process').registerPid(1),
  registerPids: () => new FreezeState('process').registerPids([1]),
  'registerPids, bad pids': () => new FreezeState('process').registerPids(7 as never),
  unregisterPid: () => new FreezeState('process').unregisterPid(1),
  'foreign receiver': () => FreezeState.prototype.snapshot.call({} as never),
  'foreign getter': () => FreezeState.prototype.pids,
};

const closed = new FreezeState();
closed.close();
for (const method of ['snapshot', 'unfreeze', 'forceUnfreeze'] as const) {
  failing[`${method}, closed`] = () => closed[method]();
}
failing['freezeAtEpoch, closed'] = () => closed.freezeAtEpoch(0);
failing['registerPid, closed'] = () => closed.registerPid(2);
failing['registerPids, closed'] = () => closed.registerPids([2]);
failing['unregisterPid, closed'] = () => closed.unregisterPid(2);
for (const method of ['changes', 'hold', 'share'] as const) failing[`${method}, closed`] = () => closed[method]();
failing['waitForStateChangeSync, closed'] = () => closed.waitForStateChangeSync({ timeout: 0 });
failing['waitForStateChangeSync, no timeout'] = () => new FreezeState().waitForStateChangeSync();
failing['waitForStateChangeSync, bad options'] = () => new FreezeState().waitForStateChangeSync({ timeout: -1 });
failing['changes, bad options'] = () => new FreezeState().changes({ signal: 7 as never });
failing['attach, bad handle'] = () => FreezeState.attach(7 as never);
failing['attach, foreign handle'] = () => FreezeState.attach({ type: 'FreezeHandle', process: 'another', id: 1 });
failing['attach, unknown handle'] = () => FreezeState.attach({ ...new FreezeState().share(), id: -1 });
const closedHandle = (() => {
  using state = new FreezeState();
  return state.share();
})();
failing['attach, closed'] = () => FreezeState.attach(closedHandle);
for (const getter of ['mode', 'pid', 'pids', 'pidCount', 'cgroup', 'isFrozen', 'currentEpoch'] as const) {
  failing[`${getter}, closed`] = () => closed[getter];
}

function firstFrame(error: unknown): string {
  const lines = (error as Error).stack?.split('\n') ?? [];
  return lines.find((line) => /^ {4}at /.test(line)) ?? '';
}

describe('the stack of an error starts at the caller:', () => {
  it.each(Object.entries(failing))('%s', (_, operation) => {
    let error: unknown;
    function theCaller(): void {
      try {
        operation();
      } catch (caught) {
        error = caught;
      }
    }
    theCaller();
    expect(error).toBeInstanceOf(Error);
    expect(firstFrame(error)).toContain('stacks.test.ts');
  });
});

describe('a public function that is called inside of another', () => {
  function errorFrom(operation: () => unknown): unknown {
    try {
      operation();
    } catch (error) {
      return error;
    }
    return undefined;
  }
  /** An option whose getter calls `inner`. */
  const withGetter = (inner: () => unknown) =>
    ({
      get boost() {
        return inner();
      },
    }) as never;
  function theInner(): unknown {
    return FreezeState.withPids('process', [0]);
  }
  function theOuter(inner: () => unknown): unknown {
    return new FreezeState('none', undefined, withGetter(inner));
  }

  it('leaves the other one its caller when it has failed', () => {
    const error = errorFrom(() =>
      theOuter(() => {
        expect(errorFrom(theInner)).toBeInstanceOf(Error);
        return 7;
      }),
    );
    expect((error as Error).message).toBe('options.boost is 7; expected a boolean.');
    expect(firstFrame(error)).toContain('theOuter');
  });

  it('has its own caller in its error', () => {
    expect(firstFrame(errorFrom(() => theOuter(theInner)))).toContain('theInner');
  });

  it('leaves the error of an iterator as it is', () => {
    function* thePids(): Generator<number> {
      yield* [];
      throw new Error('no pids');
    }
    expect(firstFrame(errorFrom(() => FreezeState.withPids('process', thePids())))).toContain('thePids');
  });
});

describe('the stack of a rejection starts at the caller:', () => {
  const state = new FreezeState();
  it.each<[string, () => Promise<unknown>]>([
    ['closed', () => closed.waitForStateChange()],
    ['timeout', () => state.waitForStateChange({ timeout: 0 })],
    ['bad options', () => state.waitForStateChange({ timeout: -1 })],
    ['confirmation, bad epoch', () => state.confirmFreezeAtEpoch(-1)],
    ['confirmation, bad options', () => state.confirmFreezeAtEpoch(0, { timeout: -1 })],
    ['confirmation, no process', () => new FreezeState('process').confirmFreezeAtEpoch(0)],
    ['foreign receiver', () => FreezeState.prototype.waitForStateChange.call({} as never)],
  ])('%s', async (_, operation) => {
    const error = await operation().catch((reason: unknown) => reason);
    expect(firstFrame(error)).toContain('stacks.test.ts');
  });

  it('closed meanwhile: at the caller of close', async () => {
    const other = new FreezeState();
    const wait = other.waitForStateChange();
    function theCloser(): void {
      other.close();
    }
    theCloser();
    const error = await wait.catch((reason: unknown) => reason);
    expect(firstFrame(error)).toContain('theCloser');
  });
});
