import type { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { canMakePidNamespace, inPidNamespace } from '../helpers/namespaces';
import { type NodeOptions, type Tools, valueInNode } from '../helpers/node';

/** Runs in the namespace: a member is registered, exits, and another process gets its pid. */
async function scenario(
  { FreezeState, spawnLeader, letterOf, stoppedNow, failure, turn }: Tools,
  when: 'running' | 'frozen' | 'registered anew' | 'confirmed',
  company: 'alone' | 'with another',
  mode: FreezeMode,
) {
  const { readFileSync, writeFileSync } = process.getBuiltinModule('node:fs');
  const { once } = process.getBuiltinModule('node:events');
  const startTimeOf = (pid: number) => {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[22 - 3];
  };

  const other = spawnLeader('sleep');
  const member = spawnLeader('sleep');
  const { pid } = member;
  const startTime = startTimeOf(pid);
  const pids = company === 'alone' ? [pid] : [pid, other.pid];
  // A guardian that starts at this moment could take the pid.
  const state = FreezeState.withPids(mode, pids, { guardian: false });
  if (when === 'frozen' || when === 'confirmed') state.freezeAtEpoch(0);
  member.kill('SIGKILL');
  await once(member, 'exit');

  // Until a newcomer has the pid, and can be told from the member by its start time, which counts in hundredths.
  let newcomer = other;
  const end = Date.now() + 30_000;
  do {
    if (newcomer !== other) {
      newcomer.kill('SIGKILL');
      await once(newcomer, 'exit');
    }
    if (Date.now() > end) throw new Error('The pid was not reused.');
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    newcomer = spawnLeader('sleep');
  } while (newcomer.pid !== pid || startTimeOf(pid) === startTime);

  if (when === 'confirmed') await state.confirmFreezeAtEpoch(0);
  const outcome = failure(() => {
    if (when === 'confirmed') return true;
    if (when === 'registered anew') state.registerPid(pid);
    if (when !== 'frozen') return state.freezeAtEpoch(0);
    // Stopped by a foreign process: a thaw of ours must not continue it.
    newcomer.kill('SIGSTOP');
    stoppedNow(pid);
    return state.unfreeze();
  });
  if (state.isFrozen && company === 'with another') stoppedNow(other.pid);
  if (state.isFrozen && when === 'registered anew') stoppedNow(pid);
  const letter = letterOf(pid);
  const members = state.pids.map((one) => (one === pid ? 'reused' : 'other'));
  state.close();
  const atLast = letterOf(pid);
  for (const child of [other, newcomer]) child.kill('SIGKILL');
  await turn();
  return { outcome, letter, members, atLast, signalling: FreezeState.capabilities.signalling };
}

const means = [
  ['pidfd', { under: inPidNamespace }],
  ['start-time', { under: inPidNamespace, launch: ['no-pidfd'] }],
] satisfies [string, NodeOptions][];
const cases = signallingModes.flatMap((mode) => means.map(([name, options]) => [mode, name, options] as const));

describe.runIf(canMakePidNamespace).each(cases)(
  'a pid that was reused, in mode %s with signalling by %s,',
  (mode, signalling, options) => {
    it('is not stopped by a freeze, which finds its member gone', async () => {
      const result = await valueInNode(scenario, ['running', 'alone', mode], options);
      expect(result.signalling).toBe(signalling);
      expect(result.outcome.name).toBe('ProcessNotFoundError');
      expect(result.letter).toMatch(/[RSD]/);
      expect(result.members).toEqual([]);
    });

    it('is not stopped beside a live member', async () => {
      const result = await valueInNode(scenario, ['running', 'with another', mode], options);
      expect(result.outcome).toEqual({ returned: true });
      expect(result.letter).toMatch(/[RSD]/);
      expect(result.members).toEqual(['other']);
    });

    it('is not continued by a thaw, nor by closing', async () => {
      const result = await valueInNode(scenario, ['frozen', 'with another', mode], options);
      expect(result.outcome).toEqual({});
      expect(result).toMatchObject({ letter: 'T', atLast: 'T', members: ['other'] });
    });

    it('is not stopped by a confirmation of the freeze that its member has died in', async () => {
      const result = await valueInNode(scenario, ['confirmed', 'with another', mode], options);
      expect(result.letter).toMatch(/[RSD]/);
      expect(result.atLast).toMatch(/[RSD]/);
    });

    it('is a member once it is registered again', async () => {
      const result = await valueInNode(scenario, ['registered anew', 'with another', mode], options);
      expect(result.outcome).toEqual({ returned: true });
      expect(result).toMatchObject({ letter: 'T', members: ['other', 'reused'] });
      expect(result.atLast).toMatch(/[RSD]/);
    });
  },
);
