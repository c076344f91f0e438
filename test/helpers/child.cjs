// What a test's child process has at hand; typed in node.ts. Plain JavaScript, so that a child starts at once.
const { spawn } = require('node:child_process');
const { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } = require('node:fs');
const { constants } = require('node:os');
const { Worker } = require('node:worker_threads');

const textOf = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
};

const letterNow = (pid) => {
  const text = textOf(pid, 'stat');
  return text.charAt(text.lastIndexOf(')') + 2);
};

const [, mountPoint = ''] =
  /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'latin1')) ?? [];

const cgroupFile = (pid, file) => {
  const [, path = ''] = /^0::(\/.*)$/m.exec(textOf(pid, 'cgroup')) ?? [];
  try {
    return readFileSync(`${mountPoint}${path}/${file}`, 'latin1');
  } catch {
    return '';
  }
};

const isAwake = (letter) => letter !== '' && 'RSD'.includes(letter);

const sigstop = 1n << BigInt(constants.signals.SIGSTOP - 1);

/** As in proc.ts. */
const letterOf = (pid) => {
  const [, pending = '0'] = /^ShdPnd:\t(\w+)$/m.exec(textOf(pid, 'status')) ?? [];
  const letter = letterNow(pid);
  const isAbout = (BigInt(`0x${pending}`) & sigstop) !== 0n || cgroupFile(pid, 'cgroup.freeze').startsWith('1');
  return isAwake(letter) && isAbout ? 'T' : letter;
};

/** Without a turn of the event loop. */
const untilNow = (condition, what) => {
  const end = Date.now() + 30_000;
  while (!condition()) if (Date.now() > end) throw new Error(`It did not come true that ${what}.`);
};

const isPidfd = (fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).includes('pidfd');
  } catch {
    return false;
  }
};

/** What the operation returns when no descriptor is left for it. */
const full = (operation) => {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // That was the last one.
  }
  try {
    return operation();
  } finally {
    for (const fd of taken) closeSync(fd);
  }
};

const tools = {
  ...require('freeze-state'),
  letterOf,
  untilNow,
  stoppedNow: (...pids) =>
    untilNow(
      () => pids.every((pid) => letterNow(pid) === 'T' || cgroupFile(pid, 'cgroup.events').includes('frozen 1')),
      `${pids} are stopped`,
    ),
  runningNow: (...pids) => untilNow(() => pids.every((pid) => isAwake(letterOf(pid))), `${pids} run`),
  full,
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  openPidfds: () => readdirSync('/proc/self/fd').filter(isPidfd).length,
  worker: (body, ...args) => new Worker(source(body, args), { eval: true }),
  spawnTarget: (...args) => spawn(process.env.FREEZE_TEST_TARGET, args, { stdio: ['pipe', 'ignore', 'ignore'] }),
  spawnLeader: (...args) =>
    spawn(process.env.FREEZE_TEST_TARGET, args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true }),
  failure: (operation) => {
    try {
      return { returned: operation() };
    } catch (error) {
      const { name, code, pid, errno, syscall, message } = error;
      return {
        name,
        code,
        pid,
        errno,
        syscall,
        message,
        errors: error.errors?.map(({ name, pid }) => ({ name, pid })),
      };
    }
  },
};

/** A program that runs the function: it must use nothing but its arguments and what is global. */
function source(body, args) {
  return `require(${JSON.stringify(__filename)}).run(${body}, ${JSON.stringify(args)})`;
}

const print = (value) => {
  if (value !== undefined) writeSync(1, JSON.stringify(value));
};

exports.source = source;
exports.run = (body, args) => {
  const value = body(tools, ...args);
  if (value instanceof Promise) value.then(print);
  else print(value);
};
