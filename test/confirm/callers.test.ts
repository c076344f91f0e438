import { describe, expect, it } from 'vitest';
import { runInNode } from '../helpers/node';
import { family } from '../helpers/processes';

/** The frames of the errors of two confirmations in a row that come after the calls have returned, as functions' names. */
async function framesOfTwo(under: string[]): Promise<{ awaited: string[][]; handled: string[][] }> {
  // It takes no stop for as long as its input is open.
  const { pid } = await family(['vfork'], 1);
  const inNode = async (isAwaited: boolean): Promise<string[][]> => {
    const { stdout } = await runInNode(
      async ({ FreezeState }, member: number, isAwaited: boolean) => {
        const found: string[][] = [];
        function theCaller() {
          const state = new FreezeState('process', member);
          setImmediate(() => state.close());
          return state.confirmFreezeAtEpoch(0, { timeout: 60_000 });
        }
        async function theAwaiter() {
          await theCaller();
        }
        const note = (error: unknown): void => {
          const frames = String((error as Error).stack).match(/^ {4}at .*/gm) ?? [];
          found.push(frames.map((frame) => frame.replace(/^ {4}at /, '').replace(/^async /, '')));
        };
        for (let i = 0; i < 2; i += 1) {
          if (isAwaited) await theAwaiter().catch(note);
          else await new Promise<void>((resolve) => theCaller().then(undefined, (error) => resolve(note(error))));
        }
        return found;
      },
      [pid, isAwaited],
      { under },
    );
    return JSON.parse(stdout) as string[][];
  };
  return { awaited: await inNode(true), handled: await inNode(false) };
}

const named = (frames: readonly string[] = []): string[] =>
  frames.flatMap((frame) => /\b(?:theCaller|theAwaiter|confirm|called)\b/.exec(frame) ?? []);

describe('the stack of an error that comes after the call has returned', () => {
  it('has those that await the promise in the first one of a thread, and the callers from the second on', async () => {
    const { awaited, handled } = await framesOfTwo([]);
    expect(awaited.map(named)).toEqual([['theAwaiter'], ['theCaller', 'theAwaiter']]);
    // Nobody is known who waits by a handler.
    expect(handled.map(named)).toEqual([[], ['theCaller']]);
  });

  it('has the callers in the first one as well with NODE_DEBUG=freeze-state', async () => {
    const { awaited, handled } = await framesOfTwo(['env', 'NODE_DEBUG=freeze-state']);
    expect(awaited.map((frames) => named(frames)[0])).toEqual(['theCaller', 'theCaller']);
    expect(handled.map((frames) => named(frames)[0])).toEqual(['theCaller', 'theCaller']);
  });
});
