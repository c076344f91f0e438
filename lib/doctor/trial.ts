import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AnyFreezeError, FreezeError, type FreezeMode, FreezeState } from '../index';

/** The result of freezing and thawing a real child. */
export type Trial =
  | {
      readonly works: true;
      /** Milliseconds from the call until the child was seen stopped. */
      readonly freezeMs: number;
      /** Milliseconds that the thaw took. */
      readonly thawMs: number;
    }
  | { readonly works: false; readonly code: string; readonly reason: string };

/** Milliseconds that a child may wait for a processor on a busy machine. */
const timeout = 5_000;

/** A child that prints a byte when it runs, and then waits for ever. It leads a group, which a mode asks for. */
export async function startChild(): Promise<ChildProcess & { readonly pid: number }> {
  // The child ends with its input, that is, with this process.
  const script = "process.stdin.resume().on('end', () => process.exit()); process.stdout.write('.')";
  const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The child that was to be frozen has ended (${signal ?? code}).`);
  });
  exited.catch(() => {});
  await Promise.race([once(child.stdout, 'data'), exited]);
  return child as ChildProcess & { readonly pid: number };
}

/** Freezes it, checks that it stops, thaws it, and checks that it runs again. */
export async function tryMode(mode: FreezeMode, pid: number): Promise<Trial> {
  let state: FreezeState | undefined;
  try {
    state = new FreezeState({ mode, pids: [pid] });
    const report = await state.confirmFreezeAtEpoch(state.currentEpoch, { timeout });
    if (!report.isFrozen)
      return { works: false, code: 'not-frozen', reason: `The freeze did nothing: ${report.reason}.` };
    const begin = performance.now();
    state.unfreeze();
    const thawMs = performance.now() - begin;
    if (!(await runs(state)))
      return { works: false, code: 'not-thawed', reason: 'The child stayed stopped after the thaw.' };
    return { works: true, freezeMs: report.stoppedNs / 1e6, thawMs };
  } catch (error) {
    if (error instanceof FreezeError)
      return { works: false, code: (error as AnyFreezeError).code, reason: error.message };
    throw error;
  } finally {
    state?.close();
  }
}

/** Waits until the child runs: a group is thawed a little later than it is told to. */
async function runs(state: FreezeState): Promise<boolean> {
  for (const end = performance.now() + timeout; performance.now() < end; ) {
    if (!state.inspect().some((member) => member.state === 'stopped')) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}
