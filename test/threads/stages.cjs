// The stages of a state's life, each with a way to get there; for ends.test.ts, whose child processes and their workers
// have the tools of test/helpers/child.cjs.
const { once } = require('node:events');

/** The states and holds of this thread: what nothing refers to might be collected, and so thawed, before the end. */
const kept = [];

function frozen({ FreezeState, stoppedNow }, member) {
  const state = new FreezeState('process', member);
  kept.push(state);
  state.freezeAtEpoch(0);
  stoppedNow(member);
  return state;
}

/** A worker of this thread runs the function with the state, and goes on while this thread has other things to do. */
async function inAWorker(tools, state, body) {
  const carrier = Object.assign(() => undefined, {
    toString: () => `(tools, handle) => {
      const state = tools.FreezeState.attach(handle);
      require('node:worker_threads').parentPort.postMessage('here');
      return (${body})(state);
    }`,
  });
  const thread = tools.worker(carrier, state.share());
  await once(thread, 'message');
  thread.unref();
}

const stages = {
  made: ({ FreezeState }, member) => void kept.push(new FreezeState('process', member)),
  frozen: (tools, member) => void frozen(tools, member),
  waiting: (tools, member) => {
    void frozen(tools, member).waitForStateChange({ ref: false });
  },
  iterating: (tools, member) => {
    const steps = frozen(tools, member).changes({ ref: false });
    void (async () => {
      for await (const change of steps) kept.push(change);
    })();
  },
  held: (tools, member) => {
    kept.push(frozen(tools, member).hold());
  },
  shared: (tools, member) => void kept.push(frozen(tools, member).share()),
  'attached in this thread': (tools, member) => {
    const handle = frozen(tools, member).share();
    for (let i = 0; i < 3; i += 1) kept.push(tools.FreezeState.attach(handle));
    for (const state of kept.slice(1)) void state.waitForStateChange({ ref: false });
  },
  'attached elsewhere': (tools, member) =>
    inAWorker(tools, frozen(tools, member), (state) => void setInterval(() => state.isFrozen, 1000)),
  'waited for elsewhere': (tools, member) =>
    inAWorker(tools, frozen(tools, member), (state) => void state.waitForStateChange()),
  'held elsewhere': (tools, member) =>
    inAWorker(tools, frozen(tools, member), (state) => {
      const hold = state.hold();
      setInterval(() => hold.isReleased, 1000);
    }),
  blocked: (tools, member) => inAWorker(tools, frozen(tools, member), (state) => void state.waitForStateChangeSync()),
  closed: (tools, member) => frozen(tools, member).close(),
};

/** Ends of the thread that is at the stage; of the main thread and of a worker. */
const ends = {
  'by itself': () => undefined,
  'by process.exit': () => process.exit(0),
  'by process.exit in an exit listener': () => void process.on('exit', () => process.exit(0)),
};

exports.stages = Object.keys(stages);
exports.ends = Object.keys(ends);

/** Gets there in this thread, and ends it. */
exports.enter = async (tools, member, stage, end) => {
  await stages[stage](tools, member);
  ends[end]?.();
};

/** The same in a worker. Its end is `terminate` where it is none of the above. */
exports.enterInWorker = async (tools, member, stage, end) => {
  const thread = tools.worker(
    async (own, program, ...args) => {
      await require(program).enter(own, ...args);
      const { parentPort } = require('node:worker_threads');
      parentPort.postMessage('there');
      if (args[2] === 'by terminate') setInterval(() => undefined, 1000);
    },
    __filename,
    member,
    stage,
    end,
  );
  if (end === 'by terminate') {
    await once(thread, 'message');
    await thread.terminate();
  } else {
    const [code] = await once(thread, 'exit');
    if (code !== 0) process.exit(code);
  }
  // The worker has ended, and this process still runs.
  tools.runningNow(member);
};
