// node scripts/ci-leftovers.mjs list            prints the processes of this machine
// node scripts/ci-leftovers.mjs check FILE MARK fails where there are more than in that list of an earlier moment: one
//                                               with the MARK in its environment or running in this folder, or one that
//                                               is stopped and was not
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

const root = process.cwd();

/** @returns {string} '' where there is nothing to read, or no more */
function tryRead(read) {
  try {
    return read();
  } catch {
    return '';
  }
}

function processes() {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
    // proc_pid_stat(5), from field 3 on: state, parent, and the start time, which tells a process from a later one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (stat === '') continue;
    found.push({
      id: `${pid}@${fields[19]}`,
      pid,
      parent: fields[1],
      stopped: /^[Tt]/.test(fields[0]),
      state: fields[0],
    });
  }
  return found;
}

function isOurs({ pid }, mark) {
  const environment = tryRead(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
  const places = [tryRead(() => readlinkSync(`/proc/${pid}/exe`)), tryRead(() => readlinkSync(`/proc/${pid}/cwd`))];
  return environment.split('\0').includes(mark) || places.some((place) => `${place}/`.startsWith(`${root}/`));
}

/** @param {ReturnType<typeof processes>} before */
function leftovers(before, mark) {
  const now = processes();
  const ancestors = new Set();
  for (let pid = String(process.pid); pid !== undefined; pid = now.find((one) => one.pid === pid)?.parent) {
    ancestors.add(pid);
  }
  return now.filter((one) => {
    if (ancestors.has(one.pid)) return false;
    const then = before.find(({ id }) => id === one.id);
    return (one.stopped && !then?.stopped) || (then === undefined && isOurs(one, mark));
  });
}

const [command, file, mark] = process.argv.slice(2);
if (command === 'list') {
  console.log(JSON.stringify(processes()));
} else {
  const before = JSON.parse(readFileSync(file, 'utf8'));
  // What was killed a moment ago may still be on its way out.
  const end = Date.now() + 5000;
  while (leftovers(before, mark).length > 0 && Date.now() < end) await setTimeout(50);
  for (const { pid, parent, state } of leftovers(before, mark)) {
    const words = tryRead(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    console.error(`Left behind: process ${pid}, parent ${parent}, state ${state}: ${words}`);
    process.exitCode = 1;
  }
}
