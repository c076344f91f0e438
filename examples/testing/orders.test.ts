import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sandbox } from 'freeze-state/sandbox';
import { expect, it, onTestFinished } from 'vitest';
import { startApi } from './api';

const code = process.env['FUNCTION'] ?? './orders.mjs';

it('the function answers after a freeze that its connections did not survive', async () => {
  const api = await startApi();
  onTestFinished(api.close);
  const sandbox = new Sandbox({ freezeAfter: false }); // this test says when
  onTestFinished(() => void sandbox.kill());
  const env = { ...process.env, API_URL: api.url };
  const runtime = sandbox.fork(join(__dirname, 'runtime.mjs'), [code], { env });
  await once(runtime, 'message'); // ready
  async function invoke(event: object) {
    using _work = sandbox.work(); // thawed, until it has answered
    runtime.send(event);
    return (await once(runtime, 'message'))[0];
  }

  expect(await invoke({ id: 1 })).toEqual({ result: { order: '1' } });
  expect(await sandbox.freeze({ timeout: 30_000 })).toMatchObject({ isFrozen: true });
  await sleep(1000); // the function's clocks go on, and its timers do not
  api.dropConnections();
  expect(await invoke({ id: 2 })).toEqual({ result: { order: '2' } });
});
