import type { FreezeMode } from 'freeze-state';
import { expect } from 'vitest';
import { type Failure, type NodeOptions, type Tools, valueInNode } from '../helpers/node';
import { pausing } from '../helpers/paused';

/** A set of processes that is frozen together. */
export interface Members {
  readonly members: readonly number[];
  /** All processes that the members cover, if there are more. */
  readonly covered?: readonly number[];
  /** The process before whose SIGSTOP the action is taken, if it is not a member. */
  readonly before?: number;
}

export interface Outcome {
  /** What the freeze and the thaw returned, or how they failed. */
  readonly freeze: Failure;
  readonly thaw: Failure;
  /** The state letters of all covered processes, after the freeze and after the thaw; see letterOf. */
  readonly frozen: string;
  readonly thawed: string;
  readonly isFrozen: boolean;
}

/** Freezes each set of processes and thaws it: runs in a child; see valueInNode. */
async function freezeEach(
  { FreezeState, failure, letterOf, untilNow }: Tools,
  mode: FreezeMode,
  sets: { members: number[]; covered: number[] }[],
  isConfirmed: boolean,
  isTraced: boolean,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { members, covered } of sets) {
    const state = FreezeState.withPids(mode, members);
    const letters = (): string => covered.map(letterOf).join('');
    const confirm = (): Promise<() => boolean> =>
      state.confirmFreezeAtEpoch(0, { timeout: 20_000 }).then(
        (report) => () => report.isFrozen,
        (error: unknown) => () => {
          throw error;
        },
      );
    const freeze = failure(isConfirmed ? await confirm() : () => state.freezeAtEpoch(0));
    const { isFrozen } = state;
    if (isTraced) untilNow(() => /^[Tt]+$/.test(letters()), 'the tracer has passed the stop on');
    const frozen = letters();
    const thaw = failure(() => state.unfreeze());
    outcomes.push({ freeze, thaw, frozen, isFrozen, thawed: letters() });
    state.close();
  }
  return outcomes;
}

export interface MeanwhileOptions extends NodeOptions {
  /** Freezes by confirmFreezeAtEpoch. */
  readonly isConfirmed?: boolean;
  /**
   * A tracer may take the stop first. Then it lets its tracee run, which stops before it is back in its program; until that has
   * had a processor, it shows as running.
   */
  readonly isTraced?: boolean;
}

/**
 * Has an emulator freeze each of the sets, and calls `act` once in each: in the first before its first member is sent
 * SIGSTOP, in the next before its second is, and so on; in a control group before it is frozen.
 *
 * @param act is given the index of the set and the pid of the emulator.
 */
export async function freezeMeanwhile(
  mode: FreezeMode,
  sets: readonly Members[],
  act: (index: number, emulator: number) => unknown,
  { isConfirmed = false, isTraced = false, ...options }: MeanwhileOptions = {},
): Promise<Outcome[]> {
  const done = new Set<number>();
  const all = sets.map(({ members, covered = members }) => ({ members: [...members], covered: [...covered] }));
  const outcomes = await pausing(
    async ({ caller, target }) => {
      const index = target === 0 ? 0 : sets.findIndex(({ members, before }, i) => target === (before ?? members[i]));
      if (index < 0 || done.has(index)) return;
      done.add(index);
      await act(index, caller);
    },
    (under) => valueInNode(freezeEach, [mode, all, isConfirmed, isTraced], { ...options, under }),
  );
  expect([...done].sort()).toEqual(all.map((_, index) => index));
  return outcomes;
}
