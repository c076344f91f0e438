import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FreezeMode } from 'freeze-state';
import type { Sandbox } from 'freeze-state/sandbox';
import { describe, expect, it } from 'vitest';
import { ownCgroups, signallingModes } from '../helpers/modes';
import { start } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import { counted, leftovers, makeSandbox, output, sandboxModes, sleeperIn, started } from '../helpers/sandboxes';

/** `npm run stress` sets both: in each mode. Here a taste of it, on every run of the tests. */
const freezes = Number(process.env['FREEZE_STATE_IDLE_ROUNDS'] ?? 25);
/** Milliseconds: with other work on the machine, a freeze and one that is cancelled take some 50. */
const deadline = 50_000 + freezes * 200;
const ends = Number(process.env['FREEZE_STATE_SANDBOX_ENDS'] ?? 5);

interface Counts {
  readonly seenAtWork: number;
  readonly seenStopped: number;
  readonly wrong: number;
}

/** One thread takes and releases work at random, another watches the child, until there were so many of both. */
async function race(sandbox: Sandbox, pid: number, cgroup: string | undefined): Promise<Counts> {
  const [frozen, cancelled] = [counted(sandbox, 'freeze'), counted(sandbox, 'cancel')];
  const shared = { turn: new SharedArrayBuffer(4), over: new SharedArrayBuffer(4) };
  const worker = (name: string, data: object) =>
    new Worker(join(__dirname, `fixtures/${name}.mjs`), { workerData: { ...shared, ...data } });
  const [works, watch] = [worker('works', { handle: sandbox.state.share() }), worker('watch', { pid, cgroup })];
  const failed = Promise.race([once(works, 'error'), once(watch, 'error')]).then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  try {
    const counts = once(watch, 'message');
    const enough = Promise.all([frozen.reach(freezes, deadline), cancelled.reach(freezes, deadline)]);
    await Promise.race([enough, failed]);
    Atomics.store(new Int32Array(shared.over), 0, 1);
    return (await Promise.race([counts, failed]))[0] as Counts;
  } finally {
    await Promise.all([works.terminate(), watch.terminate()]);
  }
}

describe.each(signallingModes)('in mode %s', (mode) => {
  it(`none of ${freezes} freezes hits work, and none of as many that are cancelled`, {
    timeout: 2 * deadline,
  }, async () => {
    const sandbox = makeSandbox({ mode, freezeAfter: 1 });
    const failures = counted(sandbox, 'freezeFailed');
    const { pid } = sleeperIn(sandbox);
    const [cgroup] = mode === FreezeMode.Cgroup ? ownCgroups() : [];
    const { wrong, ...seen } = await race(sandbox, pid, cgroup);
    expect(wrong).toBe(0);
    expect(seen.seenAtWork).toBeGreaterThan(0);
    expect(seen.seenStopped).toBeGreaterThan(0);
    expect(failures.told).toEqual([]);
  });
});

const sleep = 'sleep 60 >/dev/null 2>&1 </dev/null';
/** Printed when all processes have begun. Each ends with its input; if the test is broken, after a minute. */
const programs = [
  'echo ready; read line',
  `trap '' TERM; echo ready; read line`,
  `${sleep} & ${sleep} & echo ready; read line`,
  `(setsid sh -c '${sleep} & ${sleep} & exit' &); echo ready; exit`,
  `trap '' TERM HUP INT; (${sleep} &); setsid sh -c '(${sleep} &)'; echo ready; read line`,
  `end() { (${sleep} &); setsid ${sleep} & exit; }; trap end TERM; echo ready; read line`,
  `i=0; while [ $i -lt 10 ]; do (sh -c '${sleep} & exit' &); i=$((i + 1)); done; echo ready; read line`,
];

async function live(mode: FreezeMode, number: number): Promise<void> {
  const sandbox = makeSandbox({ mode, freezeAfter: false, state: { guardian: false } });
  const own = [number, number + 3].map((index) => programs[index % programs.length] ?? '');
  const children = own.map((program) =>
    started(sandbox.spawn('/bin/sh', ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] })),
  );
  await Promise.all(children.map(output));
  // A process may have begun to exit, and then cannot be stopped in time.
  if (number % 2 === 0) await sandbox.freeze({ timeout: 5000 }).catch(() => undefined);
  if (number % 5 === 4) sandbox.kill();
  await sandbox.terminate({ forceKillAfter: 10 * (number % 4), timeout: 60_000 });
}

describe.each(sandboxModes)('in mode %s', (mode) => {
  it(`nothing is left of ${ends} sandboxes, and no foreign process is hit`, {
    timeout: 60_000 + ends * 5000,
  }, async () => {
    const other = start(targetProgram, ['sleep']);
    for (let begun = 0; begun < ends; begun += 5) {
      const batch = Array.from({ length: Math.min(5, ends - begun) }, (_, index) => live(mode, begun + index));
      await Promise.all(batch);
      expect(leftovers()).toEqual([other.pid]);
    }
    expect(ownCgroups()).toEqual([]);
  });
});
