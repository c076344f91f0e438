// What a call costs: the hot calls of FreezeState beside a bare N-API function, all in one loop of the same form.
import { FreezeMode, FreezeState } from 'freeze-state';
import { goal, print, ratio } from '../findings.mjs';
import { floor } from '../floor.mjs';
import { type Contestant, interleave, perCall } from '../measure.mjs';

const rounds = 200;
const callsPerSample = 100_000;
const staleEpoch = 0;

const [bare, idle, held] = ['bare N-API: read, compare, return', 'unfreeze, nothing stopped', 'hold, and its release'];

const state = new FreezeState(FreezeMode.Process, process.ppid);
state.unfreeze(); // epoch 1: from here on every freeze at 0 is stale

// Each contestant has a loop of its own, so that V8 sees one call in it, as in a program that makes that call.
const contestants: Contestant[] = [
  {
    name: bare,
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
    name: idle,
    sample: () => ({
      call: perCall((calls) => {
        for (let i = 0; i < calls; i += 1) state.unfreeze();
      }, callsPerSample),
    }),
  },
  {
    name: held,
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

const results = await interleave(contestants, rounds);
print('The hot calls', 'ns', results, bare);
const call = (of: string, to: string): number => ratio(results, 'call', of, to);
goal('A stale freezeAtEpoch, against the bare function', call('freezeAtEpoch, stale epoch', bare), 1.5);
goal('A hold and its release, against an unfreeze of nothing', call(held, idle), 40);
state.close();
