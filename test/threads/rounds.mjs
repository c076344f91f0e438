// One side of the stress: a worker that freezes, or one that thaws and then compares. Both go through the rounds in step.
// JavaScript, because a worker on Node 20 has no loader for TypeScript.
import { openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';
import { meetAt } from './meet.mjs';
import { PortedOriginal } from './ported-original.mjs';
import { eventsOf } from './stopped.mjs';

const { side, rounds, pids, patienceMs, handle, memory, gate: gateMemory } = workerData;
const state = handle === undefined ? new PortedOriginal(memory, pids) : FreezeState.attach(handle);
// [0] how many have come to the gate, ever; [1] the freezer's result; [2] and [3] the round that each side is off in
const gate = new Int32Array(gateMemory);
const [mine, theirs] = side === 'freeze' ? [2, 3] : [3, 2];
const buffer = Buffer.alloc(256);
const files = pids.map((pid) => {
  const events = eventsOf(pid);
  return { fd: openSync(events || `/proc/${pid}/stat`, 'r'), isEvents: events !== '' };
});

const meet = () => meetAt(gate, 0);

/** Whether each is stopped, by its letter (proc_pid_stat(5)), or is frozen with its cgroup. */
function areStopped() {
  return files.map(({ fd, isEvents }) => {
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    const text = buffer.latin1Slice(0, length);
    return isEvents ? text.includes('frozen 1') : text[text.lastIndexOf(')') + 2] === 'T';
  });
}

/** A signal is delivered when the call returns, and has its effect a moment later: so look until they agree. */
function agree(isFrozen) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (areStopped().every((isStopped) => isStopped === isFrozen)) return true;
    // Nothing is in flight towards a process that should run: SIGCONT acts when it is sent.
    if (!isFrozen || performance.now() > deadline) return false;
  }
}

/**
 * Lets the other side go first by so many steps of a few nanoseconds. They count from where the other is off: on a busy
 * machine it may pass the gate long after us.
 */
function setOff(round, steps) {
  Atomics.store(gate, mine, round + 1);
  Atomics.notify(gate, mine);
  if (steps <= 0) return;
  for (let spins = 0; Atomics.load(gate, theirs) <= round; spins += 1) {
    if (spins > 20_000) Atomics.wait(gate, theirs, round);
  }
  for (let i = 0; i < steps; i += 1) Atomics.load(gate, 0);
}

const counts = { rounds: 0, frozen: 0, cancelled: 0, endedFrozen: 0, endedRunning: 0, disagreements: 0 };
for (let round = 0; round < rounds; round += 1) {
  meet();
  // A walk over the shifts, the same in every run: from one side far ahead to the other, over the length of a loop.
  const shift = (((round * 7919) % 4001) - 2000) * pids.length;
  if (side === 'freeze') {
    const ticket = state.currentEpoch;
    setOff(round, shift);
    Atomics.store(gate, 1, state.freezeAtEpoch(ticket) ? 1 : 0);
    meet();
    meet();
    continue;
  }
  setOff(round, -shift);
  state.unfreeze();
  meet();
  const { isFrozen } = state;
  counts.rounds += 1;
  counts[Atomics.load(gate, 1) === 1 ? 'frozen' : 'cancelled'] += 1;
  counts[isFrozen ? 'endedFrozen' : 'endedRunning'] += 1;
  if (!agree(isFrozen)) {
    counts.disagreements += 1;
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  meet();
}
if (side === 'thaw') parentPort.postMessage(counts);
state.close?.();
