import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { FreezeMode } from 'freeze-state';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Happening } from '../../examples/lambda-emulator/log';
import { Members } from '../../examples/lambda-emulator/members';
import { targetProgram } from '../helpers/programs';
import { cleanUp, eventually, letter } from './helpers';
import { idOf, Stage } from './stage';

/** The part of the emulator that knows of freezing, with one process, which is at work until `init` is released. */
function members(command = 'sleep 1000') {
  const log: Happening[] = [];
  const errors: unknown[] = [];
  const all = new Members(
    FreezeMode.Process,
    0,
    (happening) => log.push(happening),
    (error) => errors.push(error),
  );
  const init = all.work('init');
  const { pid } = all.spawn({ name: 'one', command }, {});
  cleanUp({ pids: () => [pid] });
  onTestFinished(async () => {
    all.thawForGood();
    await all.terminate();
    expect(errors).toEqual([]);
  });
  const logged = (what: Happening['what'], count = 1) =>
    eventually(what, () => log.filter((happening) => happening.what === what).length === count);
  return { all, init, pid, log, logged };
}

it('a freeze in which a process does not stop is rolled back, logged and tried again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
  const input = join(folder, 'input');
  execFileSync('mkfifo', [input]);
  const writer = openSync(input, 'r+');
  onTestFinished(() => {
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const { init, pid, log, logged } = members(`${targetProgram} vfork <${input} >/dev/null`);
  await eventually('it is in vfork(2)', () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1') !== '');
  init?.release();
  await logged('undone', 2);
  const undone = { what: 'undone', pids: [pid] };
  expect(log).toEqual([undone, undone]);
});

describe('a hold of the emulator', () => {
  it('prevents a freeze although an earlier hold was released', async () => {
    const { all, init, pid, logged } = members();
    const first = all.work('first');
    init?.release();
    const second = all.work('second');
    first?.release();
    // Whatever comes of the first release has come in the turns of the event loop until then.
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect(letter(pid)).toMatch(/[RSD]/);
    second?.release();
    await logged('freeze');
    expect(letter(pid)).toBe('T');
  });

  it('cannot be taken once the end has begun', async () => {
    const { all, init, pid } = members();
    all.thawForGood();
    init?.release();
    expect(all.work('late')).toBeUndefined();
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect(letter(pid)).toMatch(/[RSD]/);
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
    // There may have been one before the events.
    const frozen = stage.count('freeze');
    stage.next();
    await stage.until('freeze', frozen + 1);
    expect([one?.isReleased, two?.isReleased]).toEqual([true, true]);
  });

  it.each(['answers nothing in time', 'is stopped'])('is released if the sandbox %s', async (how) => {
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
