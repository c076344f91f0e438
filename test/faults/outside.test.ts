import { once } from 'node:events';
import { readFileSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { madeBy, own } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { startInNode, type Tools, valueInNode } from '../helpers/node';
import { cgroupMount, running } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { type Outcome, operations } from './scenario';
import { type Denied, denied, type Errno, type Fails, type Lack, lacks } from './table';

const page = readFileSync(join(__dirname, '../../docs/faults.md'), 'utf8');

const both: readonly Errno[] = ['ENOSYS', 'EPERM'];

const title = ({ call, errors = both, where }: Denied): string =>
  `\`${call}\` answers ${errors.join(' or ')}${where === undefined ? '' : `, ${where}`}`;

const columns = ['process', 'process-group', 'process-tree', 'cgroup'] as const;

const row = (name: string, fails: Fails = {}): string =>
  `| ${name} | ${columns.map((mode) => fails[mode] ?? 'works').join(' | ')} |`;

/** A cell of the table: the codes of the errors, with the operations that gave them. */
function cell({ answers }: Outcome): string {
  const failed = Object.entries(answers).filter(([, answer]) => answer !== true);
  const codes = [...new Set(failed.map(([, answer]) => String(answer)))];
  const told = codes.map((code) => {
    const names = failed.filter(([, answer]) => answer === code).map(([name]) => name);
    return `\`${code}\`: ${names.join(', ')}`;
  });
  return told.join('; ') || 'works';
}

/** Runs in a child. */
function freezeAndStay({ FreezeState: State, stoppedNow }: Tools, pids: readonly number[]): void {
  const state = State.withPids('process', pids);
  if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
  stoppedNow(...pids);
  process.getBuiltinModule('node:fs').writeSync(1, String(State.capabilities.guardian.available));
  setInterval(() => state, 1000);
}

async function tryOut({ options, user, isFull = false, hopeless = [], fails = {} }: Omit<Lack, 'name'>): Promise<void> {
  // From sixteen on a loop may be boosted, and the last is for registerPid.
  const pids = sleepers(17, { detached: true, ...(user === undefined ? {} : { user }) }).map(({ pid }) => pid);
  // A plain user has no control group where root has one.
  const modes: FreezeMode[] = signallingModes.filter((mode) => fails[mode] !== '-');
  const { pid, outcomes } = await valueInNode(operations, [modes, pids, cgroupMount(), isFull, [...hopeless]], {
    ...options,
    node: ['--no-warnings', ...(options.node ?? [])],
  });
  if (own !== '') for (const left of madeBy(pid, own)) rmdirSync(join(own, left));
  const cells = Object.fromEntries(Object.entries(outcomes).map(([mode, outcome]) => [mode, cell(outcome)]));
  expect(cells).toEqual(Object.fromEntries(modes.map((mode) => [mode, fails[mode] ?? 'works'])));
  for (const [mode, { broken, messages }] of Object.entries(outcomes)) {
    expect(broken, mode).toEqual([]);
    // Of what the operation failed, and then what to do.
    for (const message of messages) expect(message, mode).toMatch(/^(\w+: )?.*(process(es)? \d+|\/).*\..+\.$/is);
  }
}

describe('where a filter denies a system call, nothing stays stopped and the error says what failed', () => {
  it.each(denied.map((one) => [title(one), one] as const))(
    '%s',
    async (_, { call, errors = both, also = [], fails }) => {
      const denials = errors.map((error) => [...also, `deny=${call}:${constants.errno[error]}`]);
      await Promise.all(
        denials.map((launch) => tryOut({ options: { launch }, ...(fails === undefined ? {} : { fails }) })),
      );
    },
  );
});

describe('where a filter denies a system call, what an emulator has frozen runs after its SIGKILL', () => {
  const freezing = denied.filter(({ fails = {} }) => fails.process === undefined);

  it.each(freezing.map((one) => [title(one), one] as const))('%s', async (_, { call, errors = both, also = [] }) => {
    await Promise.all(
      errors.map(async (error) => {
        const pids = sleepers(3).map(({ pid }) => pid);
        const launch = [...also, `deny=${call}:${constants.errno[error]}`];
        const emulator = startInNode(freezeAndStay, [pids], { launch, node: ['--no-warnings'] });
        const exit = once(emulator, 'exit');
        const [hasGuardian] = await Promise.race([once(emulator.stdout, 'data'), exit]);
        emulator.kill('SIGKILL');
        expect(await exit).toEqual([null, 'SIGKILL']);
        expect(String(hasGuardian)).toMatch(/^(true|false)$/);
        // Where there is none, the table above shows what the state says.
        if (String(hasGuardian) === 'true') await running(...pids);
      }),
    );
  });
});

describe('where something is lacking, nothing stays stopped and the error says what', () => {
  for (const lack of lacks) it.runIf(lack.isPossible ?? true)(lack.name, () => tryOut(lack));
});

it('docs/faults.md shows what was tried from outside', () => {
  const rows = [
    ...denied.map((one) => row(title(one), one.fails)),
    ...lacks.map(({ name, fails }) => row(name, fails)),
  ];
  expect(page).toContain(rows.join('\n'));
});
