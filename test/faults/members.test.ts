import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode, FreezeState } from 'freeze-state';
import { afterAll, describe, expect, it } from 'vitest';
import { madeBy, own } from '../helpers/cgroups';
import { fitFor, signallingModes } from '../helpers/modes';
import { type NodeOptions, runInNode, valueInNode } from '../helpers/node';
import { canPause, pausing } from '../helpers/paused';
import { running, stopped } from '../helpers/proc';
import {
  canBecomeNobody,
  endAll,
  type Family,
  family,
  killed,
  killNow,
  nobody,
  sleeper,
  sleepers,
  type Target,
} from '../helpers/processes';
import { launchProgram, targetProgram } from '../helpers/programs';
import { until } from '../helpers/until';
import { freezeMeanwhile, type Members, type Outcome } from './meanwhile';

// What befalls a process that is being frozen, at the moment that a test chooses: while the emulator is in the system call
// that stops it, or in the one before or after; see pausing.

const asNobody: NodeOptions = { launch: [`user=${nobody}`] };

const directory = mkdtempSync(join(tmpdir(), 'freeze-state-members-'));
afterAll(() => rmSync(directory, { recursive: true }));
chmodSync(directory, 0o755);

/** The program as one that is root's whoever starts it. */
const setUser = join(directory, 'target');

/** Not on a file system that is mounted with nosuid, nor where this process has no_new_privs. */
const canSetUser = ((): boolean => {
  if (!canBecomeNobody) return false;
  const id = join(directory, 'id');
  copyFileSync(execFileSync('sh', ['-c', 'command -v id'], { encoding: 'utf8' }).trim(), id);
  copyFileSync(targetProgram, setUser);
  for (const program of [id, setUser]) chmodSync(program, 0o4755);
  return spawnSync(launchProgram, [`user=${nobody}`, '--', id, '-u'], { encoding: 'utf8' }).stdout.trim() === '0';
})();

/** The real user and the effective one. */
function usersOf(pid: number): string {
  const [, users = ''] = /^Uid:\t(\d+\t\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return users;
}

/** As root, for a plain user may trace but what it has started. */
const canTrace = process.geteuid?.() === 0;

const isThawed = /^[RSD]+$/;

function expectFrozenAndThawed(outcomes: readonly Outcome[], letters: string | RegExp = 'TTT'): void {
  for (const { freeze, isFrozen, frozen, thaw, thawed } of outcomes) {
    expect({ freeze, isFrozen, thaw }).toEqual({ freeze: { returned: true }, isFrozen: true, thaw: {} });
    expect(frozen).toMatch(letters);
    expect(thawed).toMatch(isThawed);
  }
}

const pidsOf = (targets: readonly { pid: number }[]): number[] => targets.map(({ pid }) => pid);

describe.runIf(canPause).each(signallingModes)('in the middle of a freeze in mode %s', (mode) => {
  const isCgroup = mode === FreezeMode.Cgroup;
  const fit = fitFor(mode);
  /** Before the SIGSTOP of the first of three, of the second, to which it happens, or of the third. */
  const anywhere = isCgroup ? ['only'] : ['first', 'second', 'third'];
  /** While the second is not stopped yet. */
  const early = isCgroup ? anywhere : anywhere.slice(0, 2);
  /** A plain user has no control group here. */
  const user = isCgroup ? {} : { user: nobody };
  const asUser = isCgroup ? {} : asNobody;

  const around = ({ pid }: { pid: number }, options = {}): Members & { second: number } => {
    const [first = 0, third = 0] = pidsOf(sleepers(2, { ...fit, ...options }));
    return { members: [first, pid, third], second: pid };
  };
  const families = (places: readonly string[], words: readonly string[], count: number, options = {}) =>
    Promise.all(places.map(() => family(words, count, { detached: true, ...options })));

  it.each([
    ['a zombie', killNow],
    ['reaped', killed],
  ] as const)('a member that is killed and %s is passed over, and the others stop', async (_, kill) => {
    const targets = anywhere.map(() => sleeper(fit));
    const outcomes = await freezeMeanwhile(
      mode,
      targets.map((target) => around(target)),
      (index) => kill(targets[index] as Target),
    );
    expect(outcomes.map(({ freeze }) => freeze)).toEqual(anywhere.map(() => ({ returned: true })));
    for (const { frozen, thaw, thawed } of outcomes) {
      expect(thaw).toEqual({});
      expect(frozen).toMatch(/^TZ?T$/);
      expect(thawed).toMatch(/^[RSD]Z?[RSD]$/);
    }
  });

  /** Freezes members whose second one changes its user at a signal, until its users are these. */
  async function freezeTurning(words: readonly string[], users: RegExp, options = {}) {
    const sets = (await families(early, words, 1, options)).map((target) => around(target, user));
    const outcomes = await freezeMeanwhile(
      mode,
      sets,
      async (index) => {
        const { second } = sets[index] as (typeof sets)[0];
        process.kill(second, 'SIGUSR1');
        await until(() => users.test(usersOf(second)), `${second} is root's`);
      },
      asUser,
    );
    return { sets, outcomes };
  }

  it.runIf(canSetUser)('a member that executes a set-user-ID program stops like the others', async () => {
    const { outcomes } = await freezeTurning(['become', setUser], /\t0$/, user);
    expectFrozenAndThawed(outcomes);
  });

  it.runIf(canBecomeNobody)(
    'a member that becomes another user fails the freeze where only a signal stops it',
    async () => {
      const { sets, outcomes } = await freezeTurning(['turn', String(nobody)], /^0\t0$/);
      if (isCgroup) return expectFrozenAndThawed(outcomes);
      for (const [index, { freeze, isFrozen, frozen, thaw }] of outcomes.entries()) {
        expect(freeze).toMatchObject({ code: 'ERR_FREEZE_PERMISSION_DENIED', pid: sets[index]?.second });
        expect({ isFrozen, thaw }).toEqual({ isFrozen: false, thaw: {} });
        expect(frozen).toMatch(isThawed);
      }
      return undefined;
    },
  );

  it('the child of a member that is killed stops, if it is still covered, and runs in the end', async () => {
    // Each is a leader with another process of its group.
    const parents = await families(anywhere, ['group', '1'], 2);
    const sets = parents.map((parent) => ({ ...around(parent), covered: [childOf(parent)] }));
    const outcomes = await freezeMeanwhile(mode, sets, (index) => killNow(parents[index] as Family));
    // In a tree it has another parent by the time that the children of its own are looked for.
    const isCovered = mode === FreezeMode.ProcessGroup || isCgroup;
    for (const { freeze, frozen, thaw, thawed } of outcomes) {
      expect({ freeze, thaw }).toEqual({ freeze: { returned: true }, thaw: {} });
      expect(frozen).toMatch(isCovered ? 'T' : isThawed);
      expect(thawed).toMatch(isThawed);
    }
  });

  it.runIf(mode === FreezeMode.ProcessTree)('a descendant whose parent is killed once it was found stops', async () => {
    const parent = await family(['group', '1'], 2);
    const child = childOf(parent);
    const set = { ...around(parent), covered: [child], before: child };
    expectFrozenAndThawed(await freezeMeanwhile(mode, [set], () => killNow(parent)), 'T');
  });

  it.runIf(canTrace)('a member that a foreign process begins to trace stops like the others', async () => {
    const sets = anywhere.map(() => around(sleeper(fit)));
    const outcomes = await freezeMeanwhile(mode, sets, (index) => family(['tracer', String(sets[index]?.second)], 1), {
      isConfirmed: true,
      isTraced: true,
    });
    for (const { freeze, frozen, thaw } of outcomes) {
      expect({ freeze, thaw }).toEqual({ freeze: { returned: true }, thaw: {} });
      expect(frozen).toMatch(/^T[tT]T$/);
    }
    // Its tracer lets it run.
    await running(...sets.flatMap(({ members }) => members));
  });

  it('a member that a foreign process stops is thawed with the others, but for that stop in a control group', async () => {
    const sets = anywhere.map(() => around(sleeper(fit)));
    const outcomes = await freezeMeanwhile(mode, sets, async (index) => {
      const { second } = sets[index] as (typeof sets)[0];
      process.kill(second, 'SIGSTOP');
      await stopped(second);
    });
    if (!isCgroup) return expectFrozenAndThawed(outcomes);
    expect(outcomes[0]?.thawed).toMatch(/^[RSD]T[RSD]$/);
    return undefined;
  });

  it('a member that a foreign process continues is stopped again by a confirmation', async () => {
    const sets = anywhere.map(() => around(sleeper(fit)));
    const outcomes = await freezeMeanwhile(
      mode,
      sets,
      async (index) => {
        const [first = 0, second = 0] = sets[index]?.members ?? [];
        for (const pid of [first, second]) process.kill(pid, 'SIGCONT');
        await running(...(isCgroup ? [] : [first, second]));
      },
      { isConfirmed: true },
    );
    expectFrozenAndThawed(outcomes);
  });

  it('members that another emulator freezes and thaws meanwhile are stopped by a confirmation, and run in the end', async () => {
    const sets = anywhere.map(() => around(sleeper(fit)));
    const outcomes = await freezeMeanwhile(
      mode,
      sets,
      async (index) => {
        const ended = await valueInNode(
          ({ FreezeState: State, stoppedNow }, ofMode, pids) => {
            const state = State.withPids(ofMode, pids);
            const isFrozen = state.freezeAtEpoch(0);
            stoppedNow(...pids);
            state.unfreeze();
            state.close();
            return isFrozen;
          },
          [mode, [...(sets[index]?.members ?? [])]],
        );
        expect(ended).toBe(true);
      },
      { isConfirmed: true },
    );
    expectFrozenAndThawed(outcomes);
  });

  it('an emulator that its parent freezes goes on with its freeze when it is thawed', async () => {
    const sets = anywhere.map(() => around(sleeper(fit)));
    const outcomes = await freezeMeanwhile(mode, sets, async (index, emulator) => {
      const parents = await frozen([emulator, ...(sets[index]?.members ?? [])]);
      await stopped(emulator);
      parents.unfreeze();
      parents.close();
    });
    expect(outcomes.map(({ freeze }) => freeze)).toEqual(anywhere.map(() => ({ returned: true })));
    for (const { thaw, thawed } of outcomes) {
      expect(thaw).toEqual({});
      expect(thawed).toMatch(isThawed);
    }
  });

  it('an emulator that its parent freezes, and that is killed then, leaves no member stopped', async () => {
    const { members, second } = around(sleeper(fit));
    let emulator = 0;
    const ending = await pausing(
      async ({ caller, target }) => {
        // Of a control group there is but one call.
        if (emulator !== 0 || (target !== 0 && target !== second)) return;
        emulator = caller;
        const parents = await frozen([caller, ...members]);
        process.kill(caller, 'SIGKILL');
        parents.close();
      },
      (under) =>
        runInNode(
          ({ FreezeState: State }, ofMode, pids) => State.withPids(ofMode, pids).freezeAtEpoch(0),
          [mode, [...members]],
          { under },
        ),
    );
    expect(ending).toMatchObject({ signal: 'SIGKILL', stdout: '', stderr: '' });
    await running(...members);
    if (own === '') return;
    // The guardian removes no group that has members.
    await endAll();
    for (const left of madeBy(emulator, own)) rmdirSync(join(own, left));
  });
});

function childOf({ pid, pids }: Family): number {
  return pids.find((one) => one !== pid) as number;
}

/** What the parent of an emulator has: a state that has frozen these. */
async function frozen(pids: readonly number[]): Promise<FreezeState> {
  const state = FreezeState.withPids(FreezeMode.Process, pids);
  expect((await state.confirmFreezeAtEpoch(0)).isFrozen).toBe(true);
  return state;
}
