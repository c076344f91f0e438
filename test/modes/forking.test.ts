import { readdirSync } from 'node:fs';
import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { statField, statFields } from '../helpers/proc';
import { family } from '../helpers/processes';
import { rounds } from '../helpers/rounds';

const freezes = rounds({ some: 150, all: 1000 });

/** The living processes of a group, by reading each process in /proc: no list of ours could be as complete. */
function livingOf(leader: number): { pid: number; letter: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), fields: statFields(Number(name)) }))
    .filter(({ fields }) => fields[5] === String(leader) && !isEnding(fields))
    .map(({ pid, fields }) => ({ pid, letter: fields[3] ?? '' }));
}

/** Whether it has ended or begun to (PF_EXITING among the flags): it runs no more of its program, and forks no more. */
function isEnding(fields: readonly string[]): boolean {
  return 'ZX'.includes(fields[3] ?? '') || (Number(fields[9]) & 4) !== 0;
}

it(`a tree that keeps forking is frozen all the same, ${freezes} times: none escapes, none stays`, {
  timeout: 240_000,
}, async () => {
  const { pid } = await family(['storm', '4'], 0);
  const state = new FreezeState(FreezeMode.ProcessTree, pid);
  let descendants = 0;
  for (let round = 0; round < freezes; round += 1) {
    expect(state.freezeAtEpoch(round)).toBe(true);
    const covered = state.inspect();
    descendants += covered.length - 1;
    const awake = livingOf(pid).filter(({ letter }) => letter !== 'T');
    expect(awake, `escaped round ${round}`).toEqual([]);
    state.unfreeze();
    const left = covered.map((one) => one.pid).filter((one) => statField(one, 3) === 'T');
    expect(left, `stayed after round ${round}`).toEqual([]);
  }
  // It storms to the end.
  expect(descendants).toBeGreaterThan(freezes);
  expect(state.freezeAtEpoch(freezes)).toBe(true);
  expect(livingOf(pid).length).toBeGreaterThan(1);
});
