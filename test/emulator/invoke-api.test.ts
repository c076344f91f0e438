import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Endpoint } from '../../examples/lambda-emulator/endpoint';
import { Invocation } from '../../examples/lambda-emulator/invocation';
import type { LogEntry } from '../../examples/lambda-emulator/log';
import { LambdaSandbox } from '../../examples/lambda-emulator/sandbox';
import { cleanUp, eventually, fixture } from './helpers';

const limit = 6 * 1024 * 1024 + 100;

/** An endpoint of a function. */
async function orders(functionName = 'orders', beforeMake = () => {}) {
  const log: LogEntry[] = [];
  const errors: unknown[] = [];
  const runtime = { name: 'runtime', command: fixture('runtime.mjs') };
  const make = () => {
    beforeMake();
    const sandbox = new LambdaSandbox({ runtime, functionName, onLog: (entry) => log.push(entry) });
    cleanUp({ pids: () => sandbox.pids });
    return sandbox;
  };
  const endpoint = new Endpoint(functionName, make, (error) => errors.push(error));
  const origin = `http://${await endpoint.listen(0)}`;
  onTestFinished(async () => {
    await endpoint.stop();
    expect(errors).toEqual([]);
  });
  const request = async (init: RequestInit, name = functionName) => {
    const answer = await fetch(`${origin}/2015-03-31/functions/${encodeURIComponent(name)}/invocations`, init);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  const invoke = (body: string, headers: Record<string, string> = {}, name?: string) =>
    request({ method: 'POST', body, headers }, name);
  return { endpoint, origin, request, invoke, log, errors };
}

describe('the Invoke API', () => {
  it('takes the name, the ARN, and the name that AWS has in its emulator', async () => {
    const { invoke } = await orders();
    const arn = 'arn:aws:lambda:us-east-1:012345678912:function:orders';
    for (const name of ['orders', 'orders:$LATEST', arn, `${arn}:live`, 'function']) {
      expect(await invoke('{"n":1}', {}, name)).toMatchObject({ status: 200, text: '{"echo":{"n":1}}' });
    }
  });

  it('takes the longest name that a function may have, and its ARN, and refuses a longer one as unknown', async () => {
    const longest = 'o'.repeat(64);
    const { invoke } = await orders(longest);
    for (const name of [longest, `arn:aws:lambda:us-east-1:012345678912:function:${longest}:live`]) {
      expect(await invoke('{"n":1}', {}, name)).toMatchObject({ status: 200, text: '{"echo":{"n":1}}' });
    }
    const { status, headers } = await invoke('{}', {}, 'o'.repeat(10_000));
    expect([status, headers.get('x-amzn-errortype')]).toEqual([404, 'ResourceNotFoundException']);
  });

  it('takes an event of 6 MB, none at all, and a context of a client', async () => {
    const { request, invoke, log } = await orders();
    const padding = 'x'.repeat(limit - '{"measure":true,"padding":""}'.length);
    expect(await invoke(JSON.stringify({ measure: true, padding }))).toMatchObject({ text: `{"bytes":${limit}}` });
    expect(await request({ method: 'POST' })).toMatchObject({ status: 200, text: '{"echo":{}}' });
    const context = Buffer.from('{"custom": "é"}').toString('base64');
    expect(await invoke('{"context":true}', { 'X-Amz-Client-Context': context })).toMatchObject({
      text: '{"custom":"\\u00e9"}',
    });
    expect(log.filter(({ what }) => what === 'deliver')).toHaveLength(3);
  });

  it('answers an event, or a dry run, without waiting for the function', async () => {
    const { invoke, log } = await orders();
    const delivered = () => log.filter(({ what }) => what === 'deliver').length;
    expect(await invoke('{}', { 'X-Amz-Invocation-Type': 'DryRun' })).toMatchObject({ status: 204, text: '' });
    expect(await invoke('{"sleepMs":60000}', { 'X-Amz-Invocation-Type': 'Event' })).toMatchObject({
      status: 202,
      text: '',
    });
    await eventually('it is delivered', () => delivered() === 1);
  });

  it('refuses what Lambda refuses, by the error that it has for that', async () => {
    const { origin, request, invoke, log } = await orders();
    const answers = [
      await invoke('{a:1}'),
      await invoke('x'.repeat(limit + 1)),
      await invoke('{}', { 'X-Amz-Invocation-Type': 'Later' }),
      await invoke('{}', { 'X-Amz-Client-Context': 'bm8gSlNPTg==' }),
      await invoke('{}', {}, 'customers'),
      await request({ method: 'GET' }),
      await request({ method: 'PUT', body: '{}' }),
    ];
    expect(answers.map(({ status, headers }) => [status, headers.get('x-amzn-errortype')])).toEqual([
      [400, 'InvalidRequestContentException'],
      [413, 'RequestTooLargeException'],
      [400, 'InvalidParameterValueException'],
      [400, 'InvalidRequestContentException'],
      [404, 'ResourceNotFoundException'],
      [405, 'MethodNotAllowedException'],
      [405, 'MethodNotAllowedException'],
    ]);
    for (const { text } of answers) expect(JSON.parse(text)).toEqual({ Type: 'User', Message: expect.any(String) });
    expect(answers.at(-1)?.headers.get('allow')).toBe('POST');
    expect((await fetch(`${origin}/2015-03-31/functions`)).status).toBe(404);
    expect(log.filter(({ what }) => what === 'deliver')).toEqual([]);
  });

  it('makes a sandbox for the next request if it could make none, and tells if it can make none at first', async () => {
    const output = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => output.mockRestore());
    const failures = [new Error('no descriptor at first'), new Error('no descriptor later')];
    const { invoke, errors } = await orders('orders', () => {
      const failure = failures.shift();
      if (failure) throw failure;
    });
    await eventually('the first is told', () => errors.length === 1);
    expect(errors.splice(0)).toMatchObject([{ message: 'no descriptor at first' }]);
    expect(await invoke('{}')).toMatchObject({ status: 500 });
    expect(await invoke('{"n":1}')).toMatchObject({ status: 200, text: '{"echo":{"n":1}}' });
  });

  it('answers waiting requests with an error of the service when it ends', async () => {
    const { endpoint, log } = await orders();
    const waiting = ['{"sleepMs":60000}', '{}', '{}'].map((event) =>
      endpoint.invoke(new Invocation(Buffer.from(event), {})).catch((error) => error),
    );
    await eventually('one is delivered', () => log.some(({ what }) => what === 'deliver'));
    await endpoint.stop();
    const error = { status: 500, errorType: 'ServiceException' };
    expect(await Promise.all(waiting)).toMatchObject([error, error, error]);
  });
});
