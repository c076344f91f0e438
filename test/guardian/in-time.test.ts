import { once } from 'node:events';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { type NodeOptions, startInNode } from '../helpers/node';
import { letterOf, statField } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { until } from '../helpers/until';

/** Milliseconds, as docs/guardian.md has them. */
const promised = 50;

/**
 * The least of what the rounds take; twenty of them at most, and no further one once it is as promised.
 *
 * Where processes wait for a processor a round takes longer, so one that is late shows nothing. A guardian that waits for
 * anything else, a time to pass or memory to be freed, is late in every round: so the best of them shows the promise.
 */
async function best(round: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 20 && least >= promised; count += 1) least = Math.min(least, await round());
  return least;
}

interface Emulator extends NodeOptions {
  /** What it has frozen when it is killed. */
  readonly mode: FreezeMode;
  readonly members: readonly number[];
  readonly isFrozen?: boolean;
  readonly gigabytes?: number;
  /** By which it is ended. */
  readonly signal?: NodeJS.Signals;
}

const hasEnded = (pid: number): boolean => ['', 'Z', 'X'].includes(statField(pid, 3));
const runs = (pid: number): boolean => !['', 'T', 'Z', 'X'].includes(letterOf(pid));

/** Milliseconds from the signal to the emulator, a little before its death, until the condition is met. */
async function fromKill(
  { mode, members, isFrozen = true, gigabytes = 0, signal = 'SIGKILL', ...options }: Emulator,
  condition: (guardian: number, emulator: number) => boolean,
): Promise<number> {
  const emulator = startInNode(
    ({ FreezeState, stoppedNow }, ofMode, pids, freezes, size) => {
      const state = FreezeState.withPids(ofMode, pids);
      const memory = Array.from({ length: size }, () => Buffer.alloc(2 ** 30, 1));
      if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
      stoppedNow(...pids);
      if (!freezes) state.unfreeze();
      process.getBuiltinModule('node:fs').writeSync(1, `${FreezeState.capabilities.guardian.pid}`);
      setInterval(() => [state, memory], 1000);
    },
    [mode, [...members], isFrozen, gigabytes],
    options,
  );
  const exit = once(emulator, 'exit');
  const guardian = Number(String(await Promise.race([once(emulator.stdout, 'data'), exit])));
  expect(guardian).toBeGreaterThan(1);
  expect(members.filter(runs)).toEqual(isFrozen ? [] : members);
  const begin = performance.now();
  emulator.kill(signal);
  await until(() => condition(guardian, emulator.pid ?? 0), 'the guardian has done its work');
  const took = performance.now() - begin;
  await exit;
  await until(() => hasEnded(guardian), 'the guardian has ended');
  return took;
}

describe.each(signallingModes)(`within ${promised} ms of a SIGKILL to the emulator, in mode %s,`, (mode) => {
  it('what it froze runs', async () => {
    const members = sleepers(4, fitFor(mode)).map(({ pid }) => pid);
    expect(await best(() => fromKill({ mode, members }, () => members.every(runs)))).toBeLessThan(promised);
  });

  it('its guardian has ended, where nothing is stopped', async () => {
    const members = sleepers(4, fitFor(mode)).map(({ pid }) => pid);
    expect(await best(() => fromKill({ mode, members, isFrozen: false }, hasEnded))).toBeLessThan(promised);
  });
});

describe.runIf(signallingModes.includes(FreezeMode.Process))(
  `within ${promised} ms of a signal that ends the emulator, what it froze runs`,
  () => {
    const mode = FreezeMode.Process;

    it.each(['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGSEGV', 'SIGQUIT', 'SIGABRT'] as const)('%s', async (signal) => {
      const members = sleepers(4).map(({ pid }) => pid);
      expect(await best(() => fromKill({ mode, members, signal }, () => members.every(runs)))).toBeLessThan(promised);
    });

    it('SIGKILL, where there are no pidfds', async () => {
      const members = sleepers(4).map(({ pid }) => pid);
      const launch = ['no-pidfd'];
      expect(await best(() => fromKill({ mode, members, launch }, () => members.every(runs)))).toBeLessThan(promised);
    });

    it('SIGKILL, while the kernel frees the memory of the emulator, which takes longer', async () => {
      const members = sleepers(4).map(({ pid }) => pid);
      let isFreeing = false;
      const run = (_: number, emulator: number): boolean => {
        if (!members.every(runs)) return false;
        // Its first thread may be a zombie before another one frees it.
        isFreeing = !hasEnded(emulator) || Number(statField(emulator, 20)) > 1;
        return true;
      };
      const round = async (): Promise<number> => {
        const took = await fromKill({ mode, members, gigabytes: 1 }, run);
        // One in which the memory was free by then shows nothing.
        return isFreeing ? took : Number.POSITIVE_INFINITY;
      };
      expect(await best(round)).toBeLessThan(promised);
    });
  },
);
