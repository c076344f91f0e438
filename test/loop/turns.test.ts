import { describe, expect, it } from 'vitest';
import { type Tools, valueInNode } from '../helpers/node';

const children = 48;
/** So many that one idle turn, and one after each operation, is not made longer by a busy machine. */
const rounds = 12;

/**
 * Measures turns of the event loop in a process that has spawned the members itself: idle ones, and the ones after a
 * freeze and after a thaw, in alternation. What counts is the time on the processor, so that the rest of the machine does
 * not. Each member has a state of its own and is waited for before the next: the kernel merges notices that come
 * together, and how many do depends on when the members are scheduled.
 */
async function measure(
  { FreezeState, spawnTarget, stoppedNow, untilNow, letterOf }: Tools,
  count: number,
  times: number,
  childStopNotices: boolean,
) {
  const { once } = process.getBuiltinModule('node:events');
  FreezeState.childStopNotices = childStopNotices;
  const members = Array.from({ length: count }, (_, code) => spawnTarget('sleep', String(code)));
  const pids = members.map(({ pid }) => pid);
  const states = pids.map((pid) => ({ pid, state: new FreezeState('process', pid) }));

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
  /** Interrupts and cold caches only add to it. */
  const least = (values: number[]) => Math.min(...values);
  /** Back in its sleep: a process that was continued has told its parent by then. */
  const asleepNow = (pid: number) => untilNow(() => letterOf(pid) === 'S', `${pid} sleeps`);

  const idle: number[] = [];
  const afterFreeze: number[] = [];
  const afterThaw: number[] = [];
  for (let round = 0; round < times; round += 1) {
    pids.forEach(asleepNow);
    await turn();
    // Having looked at each member in the same way.
    pids.forEach(asleepNow);
    idle.push(await turn());
    for (const { pid, state } of states) {
      state.freezeAtEpoch(state.currentEpoch);
      stoppedNow(pid);
    }
    afterFreeze.push(await turn());
    for (const { pid, state } of states) {
      state.unfreeze();
      asleepNow(pid);
    }
    afterThaw.push(await turn());
  }

  const exits = members.map((member) => once(member, 'exit'));
  for (const member of members) member.stdin?.end();
  const codes = (await Promise.all(exits)).map(([code]) => code as number | null);
  return { freeze: least(afterFreeze) / least(idle), thaw: least(afterThaw) / least(idle), codes };
}

describe('the turn of the event loop after a freeze or a thaw of children', () => {
  it('is like an idle one, where child stop notices would make it many times as long', async () => {
    // The time of V8's own threads would count as well.
    const options = { node: ['--single-threaded'] };
    const quiet = await valueInNode(measure, [children, rounds, false], options);
    const loud = await valueInNode(measure, [children, rounds, true], options);
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
