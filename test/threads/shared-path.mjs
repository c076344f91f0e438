// Two threads, each with a state of its own on one cgroup, freeze it at the same moment, round after round. Prints how
// many rounds both said that they had, and how many one of them read frozen while the group ran.
import { readFileSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';
import { meetAt } from './meet.mjs';

function contend({ index, path, pid, rounds, shared }) {
  const [arrivals, both, wrong] = [0, 1, 2];
  const state = new FreezeState('cgroup', pid, { cgroup: { path } });
  const meet = () => meetAt(shared, arrivals);
  for (let round = 0; round < rounds; round += 1) {
    const frozen = 3 + round;
    meet();
    try {
      if (state.freezeAtEpoch(state.currentEpoch) && Atomics.add(shared, frozen, 1) === 1) Atomics.add(shared, both, 1);
    } catch (error) {
      if (error.reason !== 'frozen-by-another') throw error;
    }
    meet();
    if (index === 1) state.unfreeze();
    meet();
    const isSet = readFileSync(`${path}/cgroup.freeze`, 'latin1').startsWith('1');
    if (index === 0 && state.isFrozen !== isSet) Atomics.add(shared, wrong, 1);
    meet();
    if (index === 0) state.unfreeze();
  }
  meet();
  state.close();
}

if (isMainThread) {
  const [path, rounds, ...pids] = process.argv.slice(2);
  const shared = new Int32Array(new SharedArrayBuffer(4 * (3 + Number(rounds))));
  const threads = pids.map((pid, index) => {
    const data = { index, path, pid: Number(pid), rounds: Number(rounds), shared };
    return new Worker(new URL(import.meta.url), { workerData: data });
  });
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve))));
  const frozen = shared.subarray(3).filter((count) => count === 1).length;
  console.log(JSON.stringify({ both: shared[1], wrong: shared[2], frozen }));
} else {
  contend(workerData);
}
