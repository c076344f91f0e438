// What the guardian costs: a freeze and a thaw in each mode, with it and without; the first state of a process; and how long
// after an emulator was killed its members run again.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { max, median } from 'simple-statistics';
import { sleepers, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { addTo, atMost, type Contestant, interleave, microsecondsSince, orQuick, type Results } from '../measure.mjs';
import { profile, timed } from '../profile.mjs';

const root = join(import.meta.dirname, '../..');
const members = 16;

const figures = ['freeze', 'thaw'] as const;
const [guarded, plain] = ['with the guardian', 'without'] as const;

interface Waits {
  /** Blocks until the members have stopped. */
  awaitStopped(): void;
  /** Blocks until they sleep again, so that they do not disturb the next sample. */
  awaitAsleep(): void;
}

/** One freeze and one thaw. */
function contestant(name: string, state: FreezeState, waits: Waits): Contestant {
  const freeze = (): void => {
    if (!state.freezeAtEpoch(state.currentEpoch)) throw new Error(`${name}: not frozen`);
  };
  return {
    name,
    sample: async () => {
      const frozen = await timed('freeze', freeze);
      waits.awaitStopped();
      const thawed = await timed('thaw', () => state.unfreeze());
      waits.awaitAsleep();
      return { ...frozen, ...thawed };
    },
  };
}

const titleOf = (mode: FreezeMode): string => `Mode ${mode}, ${members} sleepers`;

function judge(mode: FreezeMode, figure: string, cost: number): void {
  goal(`A ${figure} in mode ${mode} with the guardian, against one without`, cost, 1.05);
}

/** Of two states with the same members. */
async function costOfFreeze(mode: FreezeMode): Promise<void> {
  const pids = await sleepers(members, { detached: mode === FreezeMode.ProcessGroup });
  const watch = new Watch(pids);
  const make = (guardian: boolean): FreezeState => FreezeState.withPids(mode, pids, { guardian });
  const states = [make(true), make(false)] as const;
  const results = await interleave([contestant(guarded, states[0], watch), contestant(plain, states[1], watch)], 1500);
  for (const state of states) state.close();
  watch.close();
  print(titleOf(mode), 'µs', results, plain);
  for (const figure of figures) judge(mode, figure, ratio(results, figure, guarded, plain));
}

/** A state in mode cgroup, as one of the two that are compared. */
function inGroup(name: string, pids: readonly number[]): { contestant: Contestant; close(): void } {
  const state = FreezeState.withPids(FreezeMode.Cgroup, pids, { guardian: name === guarded });
  // The letter of a process does not tell that it is frozen with its group.
  const events = openSync(join(state.cgroup as string, 'cgroup.events'), 'r');
  const waits = {
    awaitStopped: () => floor.awaitText([events], 'frozen 1'),
    awaitAsleep: () => floor.awaitText([events], 'frozen 0'),
  };
  const close = (): void => {
    closeSync(events);
    state.close();
  };
  return { contestant: contestant(name, state, waits), close };
}

const [pairs, roundsOfPair] = [orQuick(100, 8), 30];

/**
 * In mode cgroup each state has members of its own, for a process is in one group. A freeze and a thaw then take one of a few
 * times, which differ by up to 40 % and stay with a state for as long as it has its group, with the guardian and without. So many
 * pairs of fresh states are compared. From pair to pair they swap the members, and which of them is made first, so that nothing
 * but the guardian favours one side. The median of the pairs' ratios is that of a pair whose states have the same of those
 * times. As many pairs in which neither state has a guardian tell how far to trust it.
 */
async function costInCgroup(): Promise<void> {
  const sets = [await sleepers(members), await sleepers(members)] as const;
  const control = 'without, as a control';
  const ratios = new Map<string, Record<(typeof figures)[number], number>[]>([
    [guarded, []],
    [control, []],
  ]);
  const results: Results = new Map();
  for (let index = 0; index < pairs; index += 1) {
    for (const [name, found] of ratios) {
      const [its, others] = index % 2 === 0 ? sets : sets.toReversed();
      const sides = [[name, its] as const, [plain, others] as const];
      const states = (index % 4 < 2 ? sides : sides.toReversed()).map((side) => inGroup(...side));
      const pair = await interleave(
        states.map(({ contestant }) => contestant),
        roundsOfPair,
      );
      for (const { close } of states) close();
      addTo(results, pair);
      const of = (figure: string): number => ratio(pair, figure, name, plain);
      found.push({ freeze: of('freeze'), thaw: of('thaw') });
    }
  }
  const costOf = (name: string, figure: (typeof figures)[number]): number =>
    median((ratios.get(name) ?? []).map((one) => one[figure]));
  print(titleOf(FreezeMode.Cgroup), 'µs', results, plain);
  for (const figure of figures) judge(FreezeMode.Cgroup, figure, costOf(guarded, figure));
  note(
    `The ratios of mode cgroup are medians of ${pairs} pairs of states. Of as many pairs without a guardian they are ` +
      `${costOf(control, 'freeze').toFixed(3)} for a freeze and ${costOf(control, 'thaw').toFixed(3)} for a thaw.`,
  );
  const states = [inGroup(guarded, sets[0]), inGroup(plain, sets[1])];
  await profile(
    titleOf(FreezeMode.Cgroup),
    states.map(({ contestant }) => contestant),
  );
  for (const { close } of states) close();
}

/** What a process has done by the time that is measured: made its first state, or also frozen a member with it. */
const firsts = {
  'The first state of a process': '',
  'The first state of a process and its first freeze, which awaits the guardian':
    'state.registerPid(sleeper.pid); state.freezeAtEpoch(0);',
};

/** In processes of their own, for there is one first state in each. */
function timeOfFirst(work: string, guardian: boolean): number {
  const program = `
    const { FreezeState } = require(${JSON.stringify(root)});
    const sleeper = require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' });
    new FreezeState('none').close();
    const start = process.hrtime.bigint();
    const state = new FreezeState('process', undefined, { guardian: ${guardian} });
    ${work}
    const took = Number(process.hrtime.bigint() - start) / 1000;
    state.close();
    sleeper.kill();
    console.log(took);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The process whose first state is timed ended with ${status}: ${stderr}`);
  return Number(stdout);
}

function costOfFirst(name: string, work: string): void {
  const rounds = Array.from({ length: atMost(25) }, () => [timeOfFirst(work, true), timeOfFirst(work, false)] as const);
  const guarded = rounds.map(([time]) => time);
  const plain = rounds.map(([, time]) => time);
  const more = (median(guarded) - median(plain)) / 1000;
  const least = (Math.min(...guarded) - Math.min(...plain)) / 1000;
  console.log();
  goal(`${name}: what the guardian adds`, more, 1, 'ms');
  note(
    `${name}: ${median(guarded).toFixed(0)} µs with the guardian, ${median(plain).toFixed(0)} without; of the quickest of ` +
      `each ${least.toFixed(2)} ms more.`,
  );
}

function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.charAt(stat.lastIndexOf(')') + 2) === 'T';
}

/** Milliseconds from SIGKILL to the emulator until every member runs. */
async function timeToThaw(count: number, bytes: number): Promise<number> {
  const pids = await sleepers(count);
  const program = `
    const memory = Buffer.alloc(${bytes}, 1);
    const { FreezeState } = require(${JSON.stringify(root)});
    const state = FreezeState.withPids('process', ${JSON.stringify(pids)});
    if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
    console.log(memory.length);
    setInterval(() => undefined, 1_000_000);`;
  const emulator = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => emulator.stdout.once('data', resolve));
  while (!pids.every(isStopped));
  const start = process.hrtime.bigint();
  emulator.kill('SIGKILL');
  while (pids.some(isStopped));
  return microsecondsSince(start) / 1000;
}

async function timesToThaw(): Promise<void> {
  for (const [count, bytes] of [
    [4, 0],
    [4, orQuick(1e9, 1e8)],
    [128, 0],
  ] as const) {
    const times: number[] = [];
    for (let round = 0; round < atMost(9); round += 1) times.push(await timeToThaw(count, bytes));
    const who = `${count} members${bytes > 0 ? ` of an emulator with ${bytes / 1e9} GB` : ''}`;
    goal(`Until ${who} run again after its SIGKILL, at worst`, max(times), 50, 'ms');
    note(`${who}: the median of ${times.length} such ends is ${median(times).toFixed(1)} ms.`);
  }
}

for (const mode of Object.values(FreezeMode)) {
  if (mode === FreezeMode.None || !FreezeState.capabilities.modes[mode].available) continue;
  await (mode === FreezeMode.Cgroup ? costInCgroup() : costOfFreeze(mode));
}
for (const [name, work] of Object.entries(firsts)) costOfFirst(name, work);
await timesToThaw();
process.exit();
