// What the guardian costs: a freeze and a thaw in each mode, with it and without; the first state of a process; and how long
// after an emulator was killed its members run again.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { max, median } from 'simple-statistics';
import { sleepers, Watch } from '../children.mjs';
import { goal, note, print, ratio } from '../findings.mjs';
import { addTo, atMost, type Contestant, interleave, microsecondsSince, orQuick, type Results } from '../measure.mjs';

const root = join(import.meta.dirname, '../..');
const members = 16;

/** One freeze and one thaw; the members sleep again before the next. */
function contestant(name: string, state: FreezeState, watch: Watch | undefined): Contestant {
  return {
    name,
    sample: () => {
      const start = process.hrtime.bigint();
      const isFrozen = state.freezeAtEpoch(state.currentEpoch);
      const freeze = microsecondsSince(start);
      if (!isFrozen) throw new Error(`${name}: not frozen`);
      watch?.awaitStopped();
      const thawing = process.hrtime.bigint();
      state.unfreeze();
      const thaw = microsecondsSince(thawing);
      watch?.awaitAsleep();
      return { freeze, thaw };
    },
  };
}

/**
 * In mode cgroup each state has members of its own, for a process is in one group; else both have the same. Where processes run,
 * and how quickly, differs from one to the other. So the states swap their members after half of the rounds.
 */
async function costOfFreeze(mode: FreezeMode): Promise<void> {
  const isCgroup = mode === FreezeMode.Cgroup;
  const start = (): Promise<number[]> => sleepers(members, { detached: mode === FreezeMode.ProcessGroup });
  const first = await start();
  const second = isCgroup ? await start() : first;
  const results: Results = new Map();
  for (const [guarded, plain] of [
    [first, second],
    [second, first],
  ] as const) {
    const states = [
      ['with the guardian', FreezeState.withPids(mode, guarded, { guardian: true }), guarded],
      ['without', FreezeState.withPids(mode, plain, { guardian: false }), plain],
    ] as const;
    // The letter of a process does not tell that it is frozen with its group, and thawing does not wait for that.
    const contestants = states.map(([name, state, pids]) =>
      contestant(name, state, isCgroup ? undefined : new Watch(pids)),
    );
    addTo(results, await interleave(contestants, 750));
    for (const [, state] of states) state.close();
  }
  print(`Mode ${mode}, ${members} sleepers`, 'µs', results, 'without');
  for (const figure of ['freeze', 'thaw']) {
    const cost = ratio(results, figure, 'with the guardian', 'without');
    goal(`A ${figure} in mode ${mode} with the guardian, against one without`, cost, 1.05);
  }
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
  return Number(spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' }).stdout);
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
  if (mode !== FreezeMode.None && FreezeState.capabilities.modes[mode].available) await costOfFreeze(mode);
}
for (const [name, work] of Object.entries(firsts)) costOfFirst(name, work);
await timesToThaw();
process.exit();
