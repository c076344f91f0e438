// A worker that calls one function of the addon again and again, without any JavaScript in between, until it is
// terminated: most likely inside of that call. Driven by last-call.test.ts.
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { FreezeState } from 'freeze-state';

const { call, addon, shared, pid } = workerData;
const { native } = createRequire(addon)(addon);
// Of this thread alone, if it was not given one.
const state = shared ? FreezeState.attach(shared) : FreezeState.withPids('process', [pid]);
const { process: token, id } = state.share();
const handle = native.attach(token, id);
const calls = {
  confirm() {
    handle.hold();
    for (;;) handle.confirm(0);
  },
  attach() {
    handle.freezeAtEpoch(0);
    for (;;) native.attach(token, id);
  },
};
parentPort.postMessage('ready');
// Posted before it never comes back.
setImmediate(calls[call]);
