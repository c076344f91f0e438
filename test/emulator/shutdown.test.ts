import { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { LogEntry } from '../../examples/lambda-emulator/log';
import { eventually } from './helpers';
import { Stage } from './stage';

/** A runtime that notes a SIGTERM, and goes on. */
async function stubborn(extensions: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
  const [isReady, sawIt] = ['ready', 'asked'].map((name) => join(folder, name)) as [string, string];
  const command = `trap ': >${sawIt}' TERM; : >${isReady}; while :; do sleep 0.02; done`;
  // Whether it is sent one: on a busy machine it may be killed before it has taken it.
  const sent = [vi.spyOn(ChildProcess.prototype, 'kill'), vi.spyOn(process, 'kill')];
  onTestFinished(() => {
    for (const spy of sent) spy.mockRestore();
    rmSync(folder, { recursive: true });
  });
  const specs = extensions.map((name) => ({ name, command: 'sleep 1000' }));
  const stage = await new Stage({ runtime: { name: 'runtime', command }, extensions: specs }).until('listen');
  return {
    stage,
    untilReady: () => eventually('the runtime is ready', () => existsSync(isReady)),
    sawIt: () => existsSync(sawIt),
    wasAsked: () => sent.some(({ mock }) => mock.calls.flat().includes('SIGTERM')),
    /** Milliseconds from the beginning of the end until that process has ended. */
    livedFor: (name: string) => {
      const time = (which: (entry: LogEntry) => boolean) => (stage.log.find(which)?.atUs ?? Number.NaN) / 1000;
      const exit = time((entry) => entry.what === 'exit' && entry.name === name);
      return exit - time(({ what }) => what === 'shutdown');
    },
  };
}

const killed = (name: string) => expect.objectContaining({ what: 'exit', name, how: 'signal: killed' });
/** A timer of Node may come as much before its time. */
const earlyMs = 2;

// A limit from above is for what the processes see: on a busy machine they live for longer.
describe('the time that a sandbox has to end', () => {
  it('is none without extensions: no SIGTERM', async () => {
    const { stage, untilReady, wasAsked, sawIt } = await stubborn([]);
    await untilReady();
    await stage.sandbox.stop();
    expect(stage.log).toContainEqual(killed('runtime'));
    expect([wasAsked(), sawIt()]).toEqual([false, false]);
  });

  it('is 500 ms with an internal extension, all of them for the runtime', async () => {
    const { stage, untilReady, wasAsked, livedFor } = await stubborn([]);
    await untilReady();
    await stage.register('inside', ['INVOKE']);
    await stage.sandbox.stop();
    expect(stage.log).toContainEqual(killed('runtime'));
    expect(wasAsked()).toBe(true);
    expect(livedFor('runtime')).toBeGreaterThan(500 - earlyMs);
  });

  it('is 2,000 ms with an external extension, of which the runtime has 300', async () => {
    const { stage, untilReady, wasAsked, livedFor } = await stubborn(['outside']);
    const { answer } = stage.extensionNext(await stage.register('outside'));
    await untilReady();
    const before = Date.now();
    const stop = stage.sandbox.stop();
    const after = Date.now();
    const { deadlineMs } = JSON.parse((await answer).text);
    await stop;
    expect(deadlineMs).toBeGreaterThanOrEqual(before + 2_000);
    expect(deadlineMs).toBeLessThanOrEqual(after + 2_000);
    expect(wasAsked()).toBe(true);
    expect(stage.log).toContainEqual(killed('runtime'));
    expect(livedFor('runtime')).toBeGreaterThan(300 - earlyMs);
    // It has got its SHUTDOWN event, and does not end.
    expect(stage.log).toContainEqual(killed('outside'));
    expect(livedFor('outside')).toBeGreaterThan(2_000 - earlyMs);
  });

  it('is no shorter because another extension has died before', async () => {
    const { stage, livedFor } = await stubborn(['dying', 'flushing']);
    await stage.register('dying', ['INVOKE']);
    const { answer } = stage.extensionNext(await stage.register('flushing'));
    await stage.until('start', 3);
    const dying = stage.log.find((entry) => entry.what === 'start' && entry.name === 'dying') as { pid: number };
    process.kill(dying.pid, 'SIGKILL');
    await eventually('its exit is known', () => stage.count('exit') === 1);
    await stage.sandbox.stop('failure');
    expect(JSON.parse((await answer).text)).toMatchObject({ eventType: 'SHUTDOWN', shutdownReason: 'failure' });
    expect(livedFor('flushing')).toBeGreaterThan(2_000 - earlyMs);
  });
});

describe('the SHUTDOWN event', () => {
  it('comes once, and after the runtime has ended, to an extension that parks before that', async () => {
    const { stage, untilReady } = await stubborn(['outside']);
    const id = await stage.register('outside');
    await untilReady();
    const stop = stage.sandbox.stop();
    const { text } = await stage.extensionNext(id).answer;
    expect(stage.log).toContainEqual(killed('runtime'));
    expect(JSON.parse(text)).toMatchObject({ eventType: 'SHUTDOWN' });
    // It stays parked until it is killed, and its connection is cut at the end.
    const again = stage.extensionNext(id).answer.then(
      () => 'answered',
      () => 'cut',
    );
    await stop;
    expect(await again).toBe('cut');
  });
});
