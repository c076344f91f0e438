import { describe, expect, it } from 'vitest';
import { type Tools, valueInNode } from '../helpers/node';

const children = 64;
const rounds = 11;

/**
 * Measures turns of the event loop in a process that has spawned the members itself: idle ones, and the ones after a
 * freeze and after a thaw, in alternation. What counts is the time on the processor, so that the rest of the machine does not.
 */
async function measure(
  { FreezeState, spawnTarget, stoppedNow, untilNow, letterOf }: Tools,
  count: number,
  times: number,
  childStopNotices: boolean,
) {
  const { once } = process.getBuiltinModule('node:events');
  const members = Array.from({ length: count }, (_, code) => spawnTarget('sleep', String(code)));
  const pids = members.map(({ pid }) => pid);
  const state = FreezeState.withPids('process', pids, { childStopNotices });

  /** Microseconds on the processor from here to the next turn: timers, then input and signals, then this. */
  const turn = () => {
    const begin = process.cpuUsage();
    return new Promise<number>((resolve) =>
      setImmediate(() => {
        const { user, system } = process.cpuUsage(begin);
        resolve(user + system);
      }),
    );
  };
  /** Back in their sleep: a process that was continued has told its parent by then. */
  const asleepNow = () => untilNow(() => pids.every((pid) => letterOf(pid) === 'S'), 'all sleep');
  const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

  const idle: number[] = [];
  const afterFreeze: number[] = [];
  const afterThaw: number[] = [];
  for (let round = 0; round < times; round += 1) {
    asleepNow();
    await turn();
    // Having looked at each member in the same way.
    asleepNow();
    idle.push(await turn());
    state.freezeAtEpoch(state.currentEpoch);
    stoppedNow(...pids);
    afterFreeze.push(await turn());
    state.unfreeze();
    asleepNow();
    afterThaw.push(await turn());
  }

  const exits = members.map((member) => once(member, 'exit'));
  for (const member of members) member.stdin?.end();
  const codes = (await Promise.all(exits)).map(([code]) => code as number | null);
  return { freeze: median(afterFreeze) / median(idle), thaw: median(afterThaw) / median(idle), codes };
}

describe('the turn of the event loop after a freeze or a thaw of children', () => {
  // The kernel merges notices that come together: on a busy machine hardly any may be left to contrast with.
  it('is like an idle one, where child stop notices would make it many times as long', { retry: 2 }, async () => {
    const quiet = await valueInNode(measure, [children, rounds, false]);
    const loud = await valueInNode(measure, [children, rounds, true]);
    const codes = Array.from({ length: children }, (_, code) => code);
    expect(quiet.codes).toEqual(codes);
    expect(loud.codes).toEqual(codes);
    expect(quiet.freeze).toBeLessThan(5);
    expect(quiet.thaw).toBeLessThan(5);
    // The contrast: the same measurement sees the notices where they are wanted.
    expect(loud.freeze).toBeGreaterThan(3 * quiet.freeze);
    expect(loud.thaw).toBeGreaterThan(3 * quiet.thaw);
  });
});
