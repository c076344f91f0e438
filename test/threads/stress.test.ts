import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { sleepers, tree } from '../helpers/processes';

/** What rounds.mjs counts. */
interface Counts {
  rounds: number;
  /** By the freeze's answer. */
  frozen: number;
  cancelled: number;
  /** By the state after the round. */
  endedFrozen: number;
  endedRunning: number;
  /** Rounds after which the state and /proc said different things. */
  disagreements: number;
}

/** `npm run stress` sets it: for each number of members. Here a taste of it, on every run of the tests. */
const rounds = Number(process.env['FREEZE_STATE_STRESS_ROUNDS'] ?? 500);
const timeout = 60_000 + rounds * 20;

const rate = ({ disagreements, rounds }: Counts): string =>
  `${((100 * disagreements) / rounds).toFixed(2)} % of the rounds disagree.`;

/** One worker freezes, another thaws, round after round, on real processes. */
async function race(data: Record<string, unknown>): Promise<Counts> {
  const gate = new SharedArrayBuffer(20);
  const program = join(__dirname, 'fixtures/rounds.mjs');
  const workers = ['freeze', 'thaw'].map((side) => new Worker(program, { workerData: { ...data, side, gate } }));
  try {
    return await new Promise<Counts>((resolve, reject) => {
      for (const worker of workers) worker.once('message', resolve).once('error', reject);
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** With fewer rounds in the modes that came later: what is raced is the same word. */
const races = [
  ...[1, 3, 8].map((count) => [FreezeMode.Process, count, rounds] as const),
  ...signallingModes
    .filter((mode) => mode !== FreezeMode.Process)
    .map((mode) => [mode, 3, Math.max(250, Math.ceil(rounds / 20))] as const),
];

describe.each(races)('a freeze against a thaw, in mode %s with %i members', (mode, count, inThisMode) => {
  it(`leaves the word and /proc in agreement after each of ${inThisMode} rounds`, { timeout }, async () => {
    // In a tree, each member has a descendant that is looked at as well.
    const trees =
      mode === FreezeMode.ProcessTree ? await Promise.all(Array.from({ length: count }, () => tree(1, 1))) : [];
    const members = trees.length > 0 ? trees : sleepers(count, fitFor(mode));
    const state = FreezeState.withPids(
      mode,
      members.map(({ pid }) => pid),
    );
    const pids = trees.length > 0 ? trees.flatMap((one) => one.pids) : members.map(({ pid }) => pid);
    const counts = await race({ rounds: inThisMode, pids, handle: state.share(), patienceMs: 10_000 });
    state.close();
    console.log(`${mode}, ${count} members: ${rate(counts)} ${JSON.stringify(counts)}`);
    expect(counts).toMatchObject({ rounds: inThisMode, disagreements: 0 });
    // Both outcomes, or nothing was raced.
    for (const outcome of ['frozen', 'cancelled', 'endedFrozen', 'endedRunning'] as const) {
      expect(counts[outcome], outcome).toBeGreaterThan(0);
    }
  });
});

describe.each([1, 3, 8])('the same rounds with a port of the original, with %i members', (count) => {
  it('show how often it disagrees', { timeout }, async () => {
    const pids = sleepers(count).map(({ pid }) => pid);
    // With one member the two steps between which a thaw does harm are next to each other, and it may never happen.
    const those = count === 8 ? 1000 : Math.min(1000, rounds);
    const counts = await race({ rounds: those, pids, memory: new SharedArrayBuffer(8), patienceMs: 20 });
    console.log(`port of the original, ${count} members: ${rate(counts)} ${JSON.stringify(counts)}`);
    expect(counts.rounds).toBe(those);
    if (count === 8) expect(counts.disagreements, 'so these rounds would find ours').toBeGreaterThan(0);
  });
});
