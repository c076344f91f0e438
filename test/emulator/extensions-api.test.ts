import { describe, expect, it } from 'vitest';
import { extensions, idOf, named, Stage } from './stage';

describe('the Extensions API', () => {
  it('registers, and gives INVOKE and SHUTDOWN', async () => {
    const config = {
      extensions: [{ name: 'one', command: 'sleep 1000' }],
      functionName: 'orders',
      handler: 'app.main',
    };
    const stage = await new Stage(config).until('listen');
    const { answer } = stage.request(
      'POST',
      `${extensions}/register`,
      named('one'),
      '{"events":["INVOKE","SHUTDOWN"]}',
    );
    const registered = await answer;
    expect(registered.status).toBe(200);
    expect(JSON.parse(registered.text)).toEqual({
      functionName: 'orders',
      functionVersion: '$LATEST',
      handler: 'app.main',
    });
    const id = registered.headers['lambda-extension-identifier'] as string;
    expect(id).toMatch(/^[\da-f-]{36}$/);

    await stage.until('start', 2);
    const [runtimeNext, extensionNext] = [stage.next(), stage.extensionNext(id)];
    void stage.invoke('{}');
    const invocation = await runtimeNext.answer;
    const event = await extensionNext.answer;
    expect(event.headers['lambda-extension-event-identifier']).toMatch(/^[\da-f-]{36}$/);
    expect(JSON.parse(event.text)).toEqual({
      eventType: 'INVOKE',
      deadlineMs: Number(invocation.headers['lambda-runtime-deadline-ms']),
      requestId: idOf(invocation),
      invokedFunctionArn: invocation.headers['lambda-runtime-invoked-function-arn'],
      tracing: { type: 'X-Amzn-Trace-Id', value: invocation.headers['lambda-runtime-trace-id'] },
    });

    const last = stage.extensionNext(id);
    const stopped = stage.sandbox.stop();
    expect(JSON.parse((await last.answer).text)).toEqual({
      eventType: 'SHUTDOWN',
      shutdownReason: 'spindown',
      deadlineMs: expect.any(Number),
    });
    await stopped;
  });

  it('gives the account to an extension that asks for it', async () => {
    const stage = await new Stage({ extensions: [{ name: 'one', command: 'sleep 1000' }] }).until('listen');
    const headers = { ...named('one'), 'Lambda-Extension-Accept-Feature': 'other, accountId' };
    const { text } = await stage.request('POST', `${extensions}/register`, headers, '{"events":[]}').answer;
    expect(JSON.parse(text)).toHaveProperty('accountId', '012345678912');
  });

  it('starts the runtime when the extensions have registered, and closes the registration when it asks for work', async () => {
    const stage = await new Stage({ extensions: [{ name: 'one', command: 'sleep 1000' }] }).until('start');
    expect(stage.count('start')).toBe(1);
    const external = await stage.register('one');
    await stage.until('start', 2);

    const internal = await stage.register('inside', ['INVOKE']);
    const { status } = await stage.request('POST', `${extensions}/register`, named('x'), '{"events":["SHUTDOWN"]}')
      .answer;
    expect(status).toBe(403);
    stage.next();
    stage.extensionNext(external);
    expect(stage.count('ready')).toBe(0);
    stage.extensionNext(internal);
    await stage.until('ready');
    const late = await stage.request('POST', `${extensions}/register`, named('late'), '{"events":[]}').answer;
    expect(JSON.parse(late.text)).toMatchObject({ errorType: 'Extension.RegistrationClosed' });
  });
});
