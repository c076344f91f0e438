// Does whatever a thread can do with a shared state, in a random order, until it is terminated.
import { workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';
import { randomFrom } from './random.mjs';

const random = randomFrom(workerData.seed);
const pick = (list) => list[Math.floor(random() * list.length)];
const states = [FreezeState.attach(workerData.handle)];
const holds = [];

/** On a machine that is busy enough nothing stops in time. */
const orTimeout = (error) => {
  if (error.code !== 'ERR_FREEZE_TIMEOUT') throw error;
};

const deeds = {
  attach: () => states.length < 5 && states.push(FreezeState.attach(pick(states).share())),
  freeze: (state) => state.freezeAtEpoch(state.currentEpoch),
  confirm: (state) => void state.confirmFreezeAtEpoch(state.currentEpoch, { timeout: random() * 20 }).catch(orTimeout),
  unfreeze: (state) => state.unfreeze(),
  wait: (state) => void state.waitForStateChange({ ref: random() < 0.5 }),
  waitBriefly: (state) => void state.waitForStateChange({ timeout: random() * 20 }).catch(() => undefined),
  iterate: (state) => void state.changes().next(),
  hold: (state) => holds.push(state.hold()),
  release: () => holds.pop()?.release(),
  block: (state) => state.waitForStateChangeSync(),
  blockBriefly: (state) => state.waitForStateChangeSync({ timeout: random() * 10 }),
  look: (state) => [state.snapshot(), state.pids],
};
const names = Object.keys(deeds);

async function storm() {
  for (;;) {
    for (let turn = 0; turn < 20; turn += 1) deeds[pick(names)](pick(states));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

// Not awaited: of a module that awaits at its top level, V8 can die when it is terminated at the wrong moment ("Check
// failed: (location_) != nullptr" in SourceTextModule::ExecuteAsyncModule; nodejs/node#43182).
void storm();
