import { once } from 'node:events';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cgroup, write } from '../helpers/cgroups';
import { letterOf, statText } from '../helpers/proc';
import { start } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import { leftovers, makeSandbox, output, patient, sandboxModes } from '../helpers/sandboxes';
import { until } from '../helpers/until';

const { Cgroup, ProcessGroup } = FreezeMode;
const quiet = '>/dev/null 2>&1 </dev/null';
/** Prints its pid, and ends by itself some time after a broken test. */
const nameless = `env -i /bin/sh -c 'echo $$; exec sleep 60 2>&1 </dev/null'`;

function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(letterOf(pid));
}

describe.each(sandboxModes)('the end of a sandbox, in mode %s', (mode) => {
  it.each([
    ['a descendant without environment', `${nameless} & echo; read line`, true],
    [
      'a daemon of its group without environment',
      `(${nameless} &); echo; read line`,
      mode === ProcessGroup || mode === Cgroup,
    ],
    ['a daemon of another session without environment', `(setsid ${nameless} &); echo; read line`, mode === Cgroup],
  ])('takes in %s, or not', async (_, program, isTakenIn) => {
    const sandbox = makeSandbox({ mode, freezeAfter: false });
    const child = sandbox.spawn('/bin/sh', ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] });
    let printed = '';
    child.stdout.on('data', (text) => {
      printed += text;
    });
    // The empty line comes once the shell in between has exited, of which the other would be a descendant.
    await until(() => /^\n/m.test(printed) && /^\d+\n/m.test(printed), 'both have begun');
    const pid = Number.parseInt(printed.trim(), 10);
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    expect(isAlive(pid)).toBe(true);
    await sandbox.terminate(patient);
    expect(isAlive(pid)).toBe(!isTakenIn);
  });

  it.runIf(mode === ProcessGroup)('takes in a group whose leader has exited', async () => {
    const sandbox = makeSandbox({ mode, freezeAfter: false });
    const leader = sandbox.spawn('/bin/sh', ['-c', `${nameless} & read line`], { stdio: ['pipe', 'pipe', 'ignore'] });
    const pid = Number.parseInt(await output(leader), 10);
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    const exit = once(leader, 'exit');
    leader.stdin.end();
    await exit;
    expect(isAlive(pid)).toBe(true);
    expect(await sandbox.terminate(patient)).toMatchObject([{ pid }]);
    expect(isAlive(pid)).toBe(false);
  });

  it('takes in the daemon of a child that was adopted, or not', async () => {
    const sandbox = makeSandbox({ mode, freezeAfter: false });
    const program = `read line; (setsid sleep 60 ${quiet} &); echo ready; read line`;
    const child = sandbox.adopt(start('/bin/sh', ['-c', program], { detached: mode === ProcessGroup }));
    child.stdin.write('\n');
    await once(child.stdout, 'data');
    // setsid(1) has made its session before it executes sleep(1).
    await until(() => leftovers().some((pid) => statText(pid).includes('(sleep)')), 'the daemon is in its session');
    expect(leftovers()).toHaveLength(2);
    await sandbox.terminate(patient);
    expect(leftovers()).toHaveLength(mode === Cgroup ? 0 : 1);
  });
});

it.runIf(sandboxModes.includes(Cgroup))('the end of a sandbox covers all that is in an external group', async () => {
  const path = cgroup();
  const foreign = start(targetProgram, ['sleep']);
  write(path, 'cgroup.procs', foreign.pid ?? 0);
  const sandbox = makeSandbox({ mode: Cgroup, freezeAfter: false, state: { cgroup: { path } } });
  expect(await sandbox.terminate(patient)).toMatchObject([{ pid: foreign.pid, wasKilled: false }]);
  expect(leftovers()).toEqual([]);
});
