// Whether processes are stopped, as /proc and their cgroups say: for programs that have no loader for TypeScript.
import { readFileSync } from 'node:fs';

const [, mount = ''] =
  /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'latin1')) ?? [];

/**
 * The file that says whether a process is frozen with its cgroup, when that is one that a state or a test has made; else
 * ''. The delegated cgroup of scripts/as-plain-user.sh, which all processes of a plain user are in, is neither.
 */
export function eventsOf(pid) {
  const [, path = ''] = /^0::(\/.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1')) ?? [];
  return /\/freeze-state-(?:test-)?\d+-[^/]+$/.test(path) ? `${mount}${path}/cgroup.events` : '';
}

export function isStopped(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  if (text[text.lastIndexOf(')') + 2] === 'T') return true;
  const events = eventsOf(pid);
  return events !== '' && readFileSync(events, 'latin1').includes('frozen 1');
}
