import { readFileSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { FreezeMode } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { madeBy, own } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { cgroupMount } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { type Outcome, operations } from './scenario';
import { type Denied, denied, type Errno, type Fails, type Lack, lacks } from './table';

const page = readFileSync(join(__dirname, '../../docs/faults.md'), 'utf8');

const both: readonly Errno[] = ['ENOSYS', 'EPERM'];

const title = ({ call, errors = both }: Denied): string => `\`${call}\` answers ${errors.join(' or ')}`;

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

async function tryOut({ options, user, isFull = false, hopeless = [], fails = {} }: Omit<Lack, 'name'>): Promise<void> {
  // From eight on a loop may be boosted, and the last is for registerPid.
  const pids = sleepers(9, { detached: true, ...(user === undefined ? {} : { user }) }).map(({ pid }) => pid);
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
