import { FreezeClosedError, type FreezeHandle, FreezeState, InvalidHandleError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { Thread } from './threads';

const genuine = new FreezeState();

/** The error of attaching the handle, and the first line of its stack. */
function refusal(handle: unknown): { error: unknown; frame: string | undefined } {
  function theCaller(): void {
    FreezeState.attach(handle as FreezeHandle);
  }
  try {
    theCaller();
  } catch (error) {
    return { error, frame: (error as Error).stack?.split('\n').find((line) => /^ {4}at /.test(line)) };
  }
  throw new Error('It was attached.');
}

const { id, process: token } = genuine.share();

const garbage: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['an id', id],
  ['a string', 'FreezeHandle'],
  ['a bigint', 5n],
  ['a symbol', Symbol('handle')],
  ['a boolean', true],
  ['a function', () => genuine.share()],
  ['an array', [genuine.share()]],
  ['an empty object', {}],
  ['the state itself', genuine],
  ['a state as postMessage delivers it', structuredClone(Object.assign(Object.create(null), genuine))],
  ['a promise', Promise.resolve(genuine.share())],
  ['a handle without its type', { process: token, id }],
  ['a handle of another type', { type: 'Handle', process: token, id }],
  ['a handle without its process', { type: 'FreezeHandle', id }],
  ['a process that is a number', { type: 'FreezeHandle', process: 5, id }],
  ['a process that is an object', { type: 'FreezeHandle', process: { toString: () => token }, id }],
  ['a handle without its id', { type: 'FreezeHandle', process: token }],
  ['an id that is a string', { type: 'FreezeHandle', process: token, id: String(id) }],
  ['an id that is a bigint', { type: 'FreezeHandle', process: token, id: BigInt(id) }],
  ['an id that is an object', { type: 'FreezeHandle', process: token, id: { valueOf: () => id } }],
  ['an id that is NaN', { type: 'FreezeHandle', process: token, id: Number.NaN }],
  ['an id that is infinite', { type: 'FreezeHandle', process: token, id: Number.POSITIVE_INFINITY }],
  ['an id with a fraction', { type: 'FreezeHandle', process: token, id: id + 0.5 }],
  ['an id of 2^53', { type: 'FreezeHandle', process: token, id: 2 ** 53 }],
];

describe('attach refuses with a TypeError', () => {
  it.each(garbage)('%s', (_, handle) => {
    const { error, frame } = refusal(handle);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: expect.stringMatching(/^handle is .*expected/),
    });
    expect(frame).toContain('theCaller');
  });

  it('a proxy that was revoked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusal(proxy).error).toBeInstanceOf(TypeError);
  });
});

describe('attach refuses with an InvalidHandleError', () => {
  it.each([0, -1, id + 1_000_000, 2 ** 53 - 1, -(2 ** 53 - 1)])('the id %d, which no state ever had', (never) => {
    const { error, frame } = refusal({ type: 'FreezeHandle', process: token, id: never });
    expect(error).toBeInstanceOf(InvalidHandleError);
    expect(error).toMatchObject({
      code: 'ERR_FREEZE_INVALID_HANDLE',
      message: expect.stringMatching(new RegExp(`the id ${never}.*share\\(\\)`)),
    });
    expect(frame).toContain('theCaller');
  });

  it('a handle of another process, whatever its id', async () => {
    const foreign = await valueInNode(({ FreezeState }) => {
      const states = Array.from({ length: 50 }, () => new FreezeState());
      return states.map((state) => state.share());
    }, []);
    for (const handle of foreign) {
      const { error, frame } = refusal(handle);
      expect(error).toBeInstanceOf(InvalidHandleError);
      expect(error).toMatchObject({
        code: 'ERR_FREEZE_INVALID_HANDLE',
        message: expect.stringMatching(/another process.*worker thread/),
      });
      expect(frame).toContain('theCaller');
    }
  });

  it.each(['', '0', 'ffffffffffffffff', `${token} `, `${token}\0`, '💥', 'x'.repeat(100_000)])(
    'the process %j',
    (other) => {
      expect(refusal({ type: 'FreezeHandle', process: other, id }).error).toBeInstanceOf(InvalidHandleError);
    },
  );
});

describe('attach refuses with a FreezeClosedError', () => {
  it('a handle of a state that was closed', () => {
    const state = new FreezeState();
    const handle = state.share();
    state.close();
    const { error, frame } = refusal(handle);
    expect(error).toBeInstanceOf(FreezeClosedError);
    expect(error).toMatchObject({ code: 'ERR_FREEZE_CLOSED', message: expect.stringContaining('closed') });
    expect(frame).toContain('theCaller');
  });

  it('a handle of a state that only an ended worker held', async () => {
    const thread = await Thread.start();
    const handle = await thread.run((tools) => {
      tools.kept['state'] = new tools.FreezeState();
      return (tools.kept['state'] as FreezeState).share();
    });
    await thread.worker.terminate();
    const { error, frame } = refusal(handle);
    expect(error).toBeInstanceOf(FreezeClosedError);
    expect(error).toMatchObject({ code: 'ERR_FREEZE_CLOSED', message: expect.stringMatching(/gone.*last thread/) });
    expect(frame).toContain('theCaller');
  });
});

it('a refused attach leaves the genuine handle good', () => {
  expect(FreezeState.attach(genuine.share()).snapshot()).toEqual({ epoch: 0, isFrozen: false });
});

it('a closed state cannot be shared', () => {
  const state = new FreezeState();
  state.close();
  expect(() => state.share()).toThrow(FreezeClosedError);
});
