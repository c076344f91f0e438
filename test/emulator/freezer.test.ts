import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Freezer } from '../../examples/lambda-emulator/freezer';
import type { Happening } from '../../examples/lambda-emulator/log';
import { SandboxProcess } from '../../examples/lambda-emulator/processes';
import { targetProgram } from '../helpers/programs';
import { cleanUp, eventually, letter } from './helpers';
import { idOf, Stage } from './stage';

/** The part of the emulator that knows of freezing, with one process. */
function freezer(command = 'sleep 1000') {
  const log: Happening[] = [];
  const errors: unknown[] = [];
  const member = new SandboxProcess({ name: 'one', command }, {});
  cleanUp({ pids: () => [member.pid] });
  const part = new Freezer(
    FreezeMode.Process,
    0,
    (happening) => log.push(happening),
    (error) => errors.push(error),
  );
  onTestFinished(() => {
    part.close();
    expect(errors).toEqual([]);
  });
  part.add(member);
  const logged = (what: Happening['what'], count = 1) =>
    eventually(what, () => log.filter((happening) => happening.what === what).length === count);
  return { part, pid: member.pid, log, logged };
}

it('a freeze that a process does not follow is taken back, named and tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
  const input = join(folder, 'input');
  execFileSync('mkfifo', [input]);
  const writer = openSync(input, 'r+');
  onTestFinished(() => {
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const { part, pid, log, logged } = freezer(`${targetProgram} vfork <${input} >/dev/null`);
  await eventually('it is in vfork(2)', () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1') !== '');
  part.schedule();
  await logged('undone', 2);
  expect(log).toMatchObject([
    { what: 'undone', epoch: 0, pids: [pid] },
    { what: 'undone', epoch: 1, pids: [pid] },
  ]);
});

describe('a hold of the emulator', () => {
  it('keeps away a freeze whose ticket was taken after the event came', async () => {
    const { part, pid, logged } = freezer();
    const first = part.hold();
    const second = part.hold();
    part.schedule();
    await logged('cancelled');
    first?.release();
    part.schedule();
    await logged('cancelled', 2);
    expect(letter(pid)).toMatch(/[RSD]/);
    second?.release();
    part.schedule();
    await logged('freeze');
    expect(letter(pid)).toBe('T');
  });

  it('is there for each event from its arrival until everyone is parked again', async () => {
    const stage = await new Stage().until('listen');
    const { answer } = stage.next();
    await stage.until('ready');
    const results = [stage.invoke('{}'), stage.invoke('{}')];
    const [one, two] = stage.holds;
    expect(stage.holds).toHaveLength(2);
    await stage.respond(idOf(await answer));
    await results[0];
    // Answered, but not parked: it still works.
    expect([one?.isReleased, two?.isReleased]).toEqual([false, false]);
    const again = idOf(await stage.next().answer);
    expect([one?.isReleased, two?.isReleased]).toEqual([true, false]);
    await stage.respond(again);
    stage.next();
    await stage.until('freeze');
    expect([one?.isReleased, two?.isReleased]).toEqual([true, true]);
  });

  it.each(['answers nothing in time', 'is stopped'])('is gone where the sandbox %s', async (how) => {
    const stage = await new Stage({ timeoutMs: how === 'is stopped' ? 60_000 : 50 }).until('listen');
    const { answer } = stage.next();
    await stage.until('ready');
    const results = [stage.invoke('{}'), stage.invoke('{}')];
    await answer;
    if (how === 'is stopped') void stage.sandbox.stop();
    await expect(Promise.all(results)).rejects.toThrow();
    await stage.sandbox.stop();
    expect(stage.holds.map(({ isReleased }) => isReleased)).toEqual([true, true]);
  });
});
