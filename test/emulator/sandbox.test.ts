import { FreezeState } from 'freeze-state';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SandboxProcess } from '../../examples/lambda-emulator/processes';
import { LambdaSandbox } from '../../examples/lambda-emulator/sandbox';
import { cleanUp, eventually, fixture, letter } from './helpers';
import { idOf, Stage } from './stage';

it('reads nothing about its processes for a log that nobody has asked for', async () => {
  const sandbox = new LambdaSandbox({ runtime: { name: 'runtime', command: fixture('runtime.mjs') } });
  cleanUp({ pids: () => sandbox.pids });
  const spies = [vi.spyOn(FreezeState.prototype, 'inspect'), vi.spyOn(SandboxProcess.prototype, 'stateLetter', 'get')];
  onTestFinished(async () => {
    await sandbox.stop();
    for (const spy of spies) spy.mockRestore();
  });
  const isFrozen = () => sandbox.pids.map(letter).join('') === 'T';
  await sandbox.start();
  await eventually('it is frozen', isFrozen);
  expect(await sandbox.invoke('{}')).toMatchObject({ isError: false });
  await eventually('it is frozen again', isFrozen);
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});

describe('the freeze of a sandbox', () => {
  it('waits until every registered extension is parked', async () => {
    const stage = await new Stage({ extensions: [{ name: 'one', command: 'sleep 1000' }] }).until('listen');
    const id = await stage.register('one');
    await stage.until('start', 2);
    stage.extensionNext(id);
    stage.next();
    await stage.until('freeze');
    expect(stage.letters).toBe('TT');

    void stage.invoke('{}');
    expect(stage.letters).toMatch(/^[RSD]{2}$/);
    await stage.until('deliver');
    const { answer } = stage.next();
    // It has not answered yet: that is refused, and the sandbox works on.
    expect(JSON.parse((await answer).text)).toMatchObject({ errorType: 'InvalidStateTransition' });
    expect(stage.letters).toMatch(/^[RSD]{2}$/);
  });

  it('is cancelled by an event within the grace, and the freeze after it is not', async () => {
    const stage = await new Stage({ graceMs: 1_000 }).until('listen');
    const { answer } = stage.next();
    await stage.until('ready');
    const result = stage.invoke('{}');
    const id = idOf(await answer);
    await stage.until('cancelled');
    expect(stage.letters).not.toContain('T');
    await stage.respond(id);
    await result;
    stage.next();
    await stage.until('freeze');
    expect(stage.letters).toBe('T');
  });

  it('is called off where a client leaves its next within the grace', async () => {
    const stage = await new Stage({ graceMs: 1_000 }).until('listen');
    const { hangUp } = stage.next();
    await stage.until('ready');
    hangUp();
    await stage.until('cancelled');
    expect(stage.letters).not.toContain('T');
  });

  it('thaws before it delivers an event, and no process is stopped when the event comes', async () => {
    const stage = await new Stage().until('listen');
    for (let n = 1; n <= 5; n++) {
      const { answer } = stage.next();
      await stage.until('freeze', n);
      expect(stage.letters).toBe('T');
      const result = stage.invoke('{}');
      expect(stage.letters).not.toBe('T');
      await stage.respond(idOf(await answer));
      await result;
    }
    const order = stage.log.map(({ what }) => what).filter((what) => ['freeze', 'thaw', 'deliver'].includes(what));
    expect(order).toEqual(Array(5).fill(['freeze', 'thaw', 'deliver']).flat());
  });

  it('ends with the sandbox, whichever way it ends', async () => {
    const stage = await new Stage().until('listen');
    stage.next();
    await stage.until('freeze');
    const pids = [...stage.sandbox.pids];
    await stage.sandbox.stop();
    expect(pids.map(letter)).toEqual(['-']);
    await expect(stage.invoke('{}')).rejects.toMatchObject({ errorType: 'Sandbox.Stopped' });
  });
});
