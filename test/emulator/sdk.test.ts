import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, serving } from './helpers';

// AWS's own SDK, which takes a URL for its service.
const folder = join(root, '.cache/sdk');
const isInstalled = existsSync(join(folder, 'node_modules/@aws-sdk/client-lambda/package.json'));
const advice = '@aws-sdk/client-lambda is not installed: run `sh test/emulator/install-sdk.sh`';
if (!isInstalled && !process.env['FREEZE_STATE_RIC']) console.warn(`Skipped: ${advice}`);

it.runIf(process.env['FREEZE_STATE_RIC'])('the SDK is installed', () => {
  expect(isInstalled, advice).toBe(true);
});

describe.runIf(isInstalled)("AWS's SDK", () => {
  it('invokes a function, and is told of its errors and of its own', async () => {
    const { LambdaClient, InvokeCommand } = createRequire(join(folder, 'package.json'))('@aws-sdk/client-lambda');
    const { run, url } = await serving();
    const lambda = new LambdaClient({
      endpoint: new URL(url).origin,
      region: 'us-east-1',
      credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    });
    const invoke = async (payload: string, more: object = {}) => {
      const input = { FunctionName: 'function', Payload: payload, ...more };
      const { StatusCode, FunctionError, ExecutedVersion, Payload } = await lambda.send(new InvokeCommand(input));
      return { StatusCode, FunctionError, ExecutedVersion, text: Payload?.transformToString() };
    };

    const fine = { StatusCode: 200, FunctionError: undefined, ExecutedVersion: '$LATEST' };
    expect(await invoke('{"n":1}')).toEqual({ ...fine, text: '{"echo":{"n":1}}' });
    await run.until('it is frozen', () => run.letters === 'T');
    expect(await invoke('{"n":2}')).toEqual({ ...fine, text: '{"echo":{"n":2}}' });
    expect(await invoke('{"fail":"no luck"}')).toMatchObject({
      FunctionError: 'Unhandled',
      text: '{"errorType":"Error","errorMessage":"no luck"}',
    });
    expect(await invoke('{"n":3}', { InvocationType: 'Event' })).toMatchObject({ StatusCode: 202 });
    await expect(invoke('{')).rejects.toMatchObject({ name: 'InvalidRequestContentException' });
    await expect(invoke('{}', { FunctionName: 'other' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: 'Function not found: other',
      $metadata: { httpStatusCode: 404 },
    });

    lambda.destroy();
    run.child.kill('SIGINT');
    await run.exitsWith(130);
    expect(run.letters).toBe('-');
  });
});
