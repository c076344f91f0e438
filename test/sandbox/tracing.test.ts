import { tracingChannel } from 'node:diagnostics_channel';
import { FreezeMode } from 'freeze-state';
import type { TerminateMessage } from 'freeze-state/sandbox';
import { expect, it } from 'vitest';
import { runInNode } from '../helpers/node';
import { makeSandbox, patient, sleeperIn } from '../helpers/sandboxes';

it('terminate is published on a tracing channel, with how each process ended', async () => {
  const told: [string, TerminateMessage][] = [];
  const tell = (what: string) => (message: TerminateMessage) => void told.push([what, { ...message }]);
  const subscribers = {
    start: tell('start'),
    end: tell('end'),
    asyncStart: tell('asyncStart'),
    asyncEnd: tell('asyncEnd'),
    error: tell('error'),
  };
  const channel = tracingChannel<unknown, TerminateMessage>('freeze-state:terminate');
  channel.subscribe(subscribers);
  try {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: false });
    const { state } = sandbox;
    const { pid } = sleeperIn(sandbox);
    const result = await sandbox.terminate(patient);
    await sandbox.terminate();
    const begin = { state, mode: 'process', pids: [pid], epoch: 1 };
    expect(told).toMatchObject([
      ['start', begin],
      ['end', begin],
      ['asyncStart', begin],
      ['asyncEnd', { ...begin, result }],
    ]);
  } finally {
    channel.unsubscribe(subscribers);
  }
});

it('terminate is printed where NODE_DEBUG names the package', async () => {
  const { stderr, code } = await runInNode(
    async () => {
      const { Sandbox } = require('freeze-state/sandbox') as typeof import('freeze-state/sandbox');
      await new Sandbox({ mode: 'none' }).terminate();
    },
    [],
    { under: ['env', 'NODE_DEBUG=freeze-state'] },
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(/^FREEZE-STATE \d+: terminate, mode none, pids \[\]: 0 processes ended$/m);
});
