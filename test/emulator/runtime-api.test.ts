import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { idOf, runtime, Stage } from './stage';

describe('the Runtime API', () => {
  it('gives an event with the headers of Lambda, and takes its response', async () => {
    const stage = await new Stage({ functionName: 'orders', timeoutMs: 5_000 }).until('listen');
    const { answer } = stage.next();
    const before = Date.now();
    const context = { clientContext: '{"client":1}', cognitoIdentity: '{"cognitoIdentityId":"x"}' };
    const result = stage.invoke('{"big": 12345678901234567890}', context);

    const event = await answer;
    expect(event.status).toBe(200);
    expect(event.text).toBe('{"big": 12345678901234567890}');
    expect(event.headers['content-type']).toBe('application/json');
    expect(event.rawHeaders).toEqual(
      expect.arrayContaining([
        'Lambda-Runtime-Aws-Request-Id',
        'Lambda-Runtime-Deadline-Ms',
        'Lambda-Runtime-Invoked-Function-Arn',
        'Lambda-Runtime-Trace-Id',
        'Lambda-Runtime-Client-Context',
        'Lambda-Runtime-Cognito-Identity',
      ]),
    );
    expect(event.headers).toMatchObject({
      'lambda-runtime-invoked-function-arn': expect.stringMatching(/^arn:aws:lambda:[\w-]+:\d{12}:function:orders$/),
      'lambda-runtime-trace-id': expect.stringMatching(/^Root=1-[\da-f]{8}-[\da-f]{24};Parent=[\da-f]{16};Sampled=1$/),
      'lambda-runtime-client-context': context.clientContext,
      'lambda-runtime-cognito-identity': context.cognitoIdentity,
    });
    const left = Number(event.headers['lambda-runtime-deadline-ms']) - before;
    expect(left).toBeGreaterThanOrEqual(5_000);
    expect(left).toBeLessThan(10_000);

    const accepted = await stage.respond(idOf(event), '{"done":true}', { 'Content-Type': 'whatever you like' });
    expect(accepted).toMatchObject({ status: 202, text: '{"status":"OK"}' });
    const { isError, body } = await result;
    expect({ isError, text: body.toString() }).toEqual({ isError: false, text: '{"done":true}' });
  });

  it('does not give an event to a client that has gone', async () => {
    const stage = await new Stage().until('listen');
    const gone = stage.next();
    await stage.until('ready');
    gone.hangUp();
    const result = stage.invoke('{"n":1}');

    const event = await stage.next().answer;
    expect(event.text).toBe('{"n":1}');
    await stage.respond(idOf(event));
    expect((await result).isError).toBe(false);
  });

  it('gives an event again that the client did not live to read', async () => {
    const stage = await new Stage().until('listen');
    const { answer, hangUp } = stage.next();
    await stage.until('ready');
    // Too large for the buffers of the connection: some of it is still on its way when the client hangs up.
    const large = JSON.stringify('x'.repeat(6 * 1024 * 1024));
    const delivered = stage.until('deliver');
    const result = stage.invoke(large);
    await delivered;
    hangUp();
    await expect(answer).rejects.toThrow();

    const event = await stage.next().answer;
    expect(event.text).toHaveLength(large.length);
    await stage.respond(idOf(event));
    expect((await result).isError).toBe(false);
  });

  it('takes a second next for the first one, whose client has given up', async () => {
    const stage = await new Stage().until('listen');
    const first = stage.next();
    await stage.until('ready');
    const second = stage.next();
    await expect(first.answer).rejects.toThrow(/hang up|reset/);
    void stage.invoke('1');
    expect((await second.answer).text).toBe('1');
  });

  it('reports an error as the runtime gives it, and fills in what is missing', async () => {
    const stage = await new Stage().until('listen');
    for (const [body, header, error] of [
      ['{"errorType":"A","errorMessage":"m","trace":[]}', 'B', { errorType: 'A', errorMessage: 'm', trace: [] }],
      ['{"errorMessage":"m"}', 'B', { errorType: 'B', errorMessage: 'm' }],
      ['no JSON', 'B', { errorType: 'B', errorMessage: 'no JSON' }],
      ['', undefined, { errorType: 'Runtime.Unknown', errorMessage: '' }],
    ] as const) {
      const { answer } = stage.next();
      const result = stage.invoke('{}');
      const headers = header === undefined ? {} : { 'Lambda-Runtime-Function-Error-Type': header };
      const id = idOf(await answer);
      const posted = await stage.request('POST', `${runtime}/invocation/${id}/error`, headers, body).answer;
      expect(posted).toMatchObject({ status: 202, text: '{"status":"OK"}' });
      const { isError, body: bytes } = await result;
      expect({ isError, error: JSON.parse(bytes.toString()) }).toEqual({ isError: true, error });
    }
  });

  it('sees in the trailers that a streamed response has failed', async () => {
    const stage = await new Stage().until('listen');
    const { answer } = stage.next();
    const result = stage.invoke('{}');
    const path = `${runtime}/invocation/${idOf(await answer)}/response`;
    const headers = {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    const call = http.request({ ...stage.api, method: 'POST', path, headers, agent: stage.agent });
    call.write('half of a resp');
    call.addTrailers({
      'Lambda-Runtime-Function-Error-Type': 'Runtime.StreamError',
      'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorMessage":"broke"}').toString('base64'),
    });
    call.on('response', (response) => response.resume()).end();
    const { isError, body } = await result;
    expect(isError).toBe(true);
    expect(JSON.parse(body.toString())).toEqual({ errorType: 'Runtime.StreamError', errorMessage: 'broke' });
  });

  it('knows no response mode but streaming', async () => {
    const stage = await new Stage().until('listen');
    const { answer } = stage.next();
    const result = stage.invoke('{}');
    const mode = { 'Lambda-Runtime-Function-Response-Mode': 'buffered' };
    const { status, text } = await stage.respond(idOf(await answer), '{}', mode);
    expect([status, JSON.parse(text).errorType]).toEqual([400, 'InvalidFunctionResponseMode']);
    const { isError, body } = await result;
    expect([isError, JSON.parse(body.toString()).errorType]).toEqual([true, 'Runtime.InvalidResponseModeHeader']);
  });

  it('serves everything over one connection, also across a long freeze', async () => {
    const stage = await new Stage().until('listen');
    const sockets = new Set<unknown>();
    stage.agent.on('free', (socket) => sockets.add(socket));
    for (let n = 1; n <= 3; n++) {
      const { answer } = stage.next();
      await stage.until('freeze', n);
      const result = stage.invoke('{}');
      await stage.respond(idOf(await answer));
      await result;
    }
    expect(sockets.size).toBe(1);
    const { server } = stage.sandbox;
    expect([server.keepAliveTimeout, server.requestTimeout, server.headersTimeout, server.timeout]).toEqual([
      0, 0, 0, 0,
    ]);
  });
});
