// A worker that has a state of another thread, and runs functions on it; driven by threads.ts.
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { runInThisContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import * as freezeState from 'freeze-state';

const tools = {
  ...freezeState,
  state: workerData.handle && freezeState.FreezeState.attach(workerData.handle),
  kept: {},
  tell: (value) => parentPort.postMessage({ told: value }),
  // The link is `<pid>/task/<tid>`.
  tellId: () => parentPort.postMessage({ told: Number(basename(readlinkSync('/proc/thread-self'))) }),
};

const plain = ({ name, code, message, stack, pid, errno }) => ({ name, code, message, stack, pid, errno });

parentPort.on('message', async ({ call, source, args }) => {
  try {
    const value = await runInThisContext(`(${source})`, { filename: 'in-the-worker.js' })(tools, ...args);
    parentPort.postMessage({ call, value });
  } catch (error) {
    parentPort.postMessage({ call, error: plain(error) });
  }
});
parentPort.postMessage({ told: 'ready' });
