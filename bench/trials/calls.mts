// What a call costs: the hot calls of FreezeState beside a bare N-API function, all in one loop of the same form.
import { FreezeMode, FreezeState } from 'freeze-state';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, perCall, print, ratio } from '../measure.mjs';

const rounds = 200;
const callsPerSample = 100_000;
const staleEpoch = 0;

const state = new FreezeState(FreezeMode.Process, process.ppid);
state.unfreeze(); // epoch 1: from here on every freeze at 0 is stale

// Each contestant has a loop of its own, so that V8 sees one call in it, as in a program that makes that call.
const contestants: Contestant[] = [
  {
    name: 'bare N-API: read, compare, return',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) floor.compare(staleEpoch);
      }, callsPerSample),
    }),
  },
  {
    name: 'freezeAtEpoch, stale epoch',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) state.freezeAtEpoch(staleEpoch);
      }, callsPerSample),
    }),
  },
  {
    name: 'currentEpoch',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) void state.currentEpoch;
      }, callsPerSample),
    }),
  },
  {
    name: 'isFrozen',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) void state.isFrozen;
      }, callsPerSample),
    }),
  },
  {
    name: 'unfreeze, nothing stopped',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) state.unfreeze();
      }, callsPerSample),
    }),
  },
  {
    name: 'hold, and its release',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) state.hold().release();
      }, callsPerSample / 100),
    }),
  },
  {
    name: 'snapshot',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) state.snapshot();
      }, callsPerSample),
    }),
  },
  {
    name: 'process.kill(pid, 0)',
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) process.kill(process.ppid, 0);
      }, callsPerSample / 100),
    }),
  },
];

const bare = 'bare N-API: read, compare, return';
const results = await interleave(contestants, rounds);
print('The hot calls', 'ns', results, bare);
const stale = ratio(results, 'call', 'freezeAtEpoch, stale epoch', bare);
console.log(`A stale freezeAtEpoch costs ${stale.toFixed(2)} times the bare function; the goal is at most 1.50.`);
state.close();
