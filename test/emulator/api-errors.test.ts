import type http from 'node:http';
import { describe, expect, it } from 'vitest';
import type { SandboxError } from '../../examples/lambda-emulator/errors';
import { extensions, idOf, named, runtime, Stage } from './stage';

const limit = 6 * 1024 * 1024 + 100;

describe('an error of the API', () => {
  const long = 'x'.repeat(limit + 1);
  const error = { 'Lambda-Extension-Function-Error-Type': 'Extension.Broken' };
  const unknown = { 'Lambda-Extension-Identifier': '11111111-2222-3333-4444-555555555555' };
  const cases: [string, string, http.OutgoingHttpHeaders, string | undefined, number, string][] = [
    ['GET', '/nowhere', {}, undefined, 404, 'NotFound'],
    ['HEAD', `${runtime}/invocation/next`, {}, undefined, 404, ''],
    ['POST', `${runtime}/invocation/no-such-id/response`, {}, '{}', 400, 'InvalidRequestID'],
    ['POST', `${runtime}/invocation/no-such-id/error`, {}, '{}', 400, 'InvalidRequestID'],
    ['POST', `${runtime}/invocation/CURRENT/response`, {}, long, 413, 'RequestEntityTooLarge'],
    ['POST', `${runtime}/invocation/CURRENT/response`, {}, '{}', 400, 'InvalidRequestID'],
    ['POST', `${runtime}/init/error`, {}, '{}', 403, 'InvalidStateTransition'],
    ['POST', `${extensions}/register`, {}, '{"events":[]}', 403, 'Extension.InvalidExtensionName'],
    ['POST', `${extensions}/register`, named('x'), 'no JSON', 403, 'InvalidRequestFormat'],
    ['POST', `${extensions}/register`, named('x'), '{"events":"INVOKE"}', 403, 'InvalidRequestFormat'],
    ['POST', `${extensions}/register`, named('x'), '{"events":["SLEEP"]}', 403, 'Extension.InvalidEventType'],
    ['POST', `${extensions}/register`, named('x'), '{"events":["INVOKE"]}', 403, 'Extension.RegistrationClosed'],
    ['GET', `${extensions}/event/next`, {}, undefined, 403, 'Extension.MissingExtensionIdentifier'],
    [
      'GET',
      `${extensions}/event/next`,
      { 'Lambda-Extension-Identifier': 'x' },
      undefined,
      403,
      'Extension.InvalidExtensionIdentifier',
    ],
    ['GET', `${extensions}/event/next`, unknown, undefined, 403, 'Extension.UnknownExtensionIdentifier'],
    ['POST', `${extensions}/init/error`, { ...unknown, ...error }, '', 403, 'Extension.UnknownExtensionIdentifier'],
    ['POST', `${extensions}/exit/error`, { ...unknown, ...error }, '', 403, 'Extension.UnknownExtensionIdentifier'],
    ['POST', `${extensions}/exit/error`, {}, '', 403, 'Extension.MissingExtensionIdentifier'],
    ['POST', `${extensions}/exit/error`, { 'Lambda-Extension-Identifier': 'OWN' }, '', 403, 'Extension.MissingHeader'],
    [
      'POST',
      `${extensions}/init/error`,
      { 'Lambda-Extension-Identifier': 'OWN', ...error },
      '',
      403,
      'Extension.InvalidExtensionState',
    ],
    ['PUT', '/2022-07-01/telemetry', {}, '{}', 202, 'Telemetry.NotSupported'],
    ['PUT', '/2020-08-15/logs', {}, '{}', 202, 'Logs.NotSupported'],
  ];

  it('has the status and the shape of AWS', async () => {
    const stage = await new Stage({ extensions: [{ name: 'one', command: 'sleep 1000' }] }).until('listen');
    const own = await stage.register('one');
    const twice = await stage.request('POST', `${extensions}/register`, named('one'), '{"events":[]}').answer;
    await stage.until('start', 2);
    stage.extensionNext(own);
    const { answer } = stage.next();
    const result = stage.invoke('{}');
    const current = idOf(await answer);

    expect([twice.status, JSON.parse(twice.text).errorType]).toEqual([403, 'Extension.InvalidExtensionState']);
    for (const [method, path, given, body, status, errorType] of cases) {
      const headers = Object.fromEntries(
        Object.entries(given).map(([name, value]) => [name, value === 'OWN' ? own : value]),
      ) as http.OutgoingHttpHeaders;
      const got = await stage.request(method, path.replace('CURRENT', current), headers, body).answer;
      expect([method, path, got.status]).toEqual([method, path, status]);
      if (errorType === '') continue;
      expect(got.headers['content-type']).toMatch(/^application\/json/);
      expect([path, JSON.parse(got.text)]).toEqual([path, { errorMessage: expect.any(String), errorType }]);
    }
    expect(await result).toMatchObject({ isError: true });
  });

  it('says how many extensions there may be', async () => {
    const config = { extensions: Array.from({ length: 11 }, (_, n) => ({ name: `e${n}`, command: 'sleep 1000' })) };
    const stage = await new Stage(config).until('listen');
    for (let n = 0; n < 10; n++) await stage.register(`e${n}`);
    const { answer } = stage.request('POST', `${extensions}/register`, named('e10'), '{"events":[]}');
    expect(JSON.parse((await answer).text)).toMatchObject({ errorType: 'Extension.TooManyExtensions' });
  });

  it('of the init ends the sandbox', async () => {
    const stage = await new Stage().until('start');
    const headers = { 'Lambda-Runtime-Function-Error-Type': 'Runtime.NoSuchHandler' };
    const { status } = await stage.request('POST', `${runtime}/init/error`, headers, '{"errorMessage":"none"}').answer;
    expect(status).toBe(202);
    const reason = stage.sandbox.signal.reason as SandboxError;
    expect(reason.toJSON()).toEqual({ errorType: 'Runtime.NoSuchHandler', errorMessage: 'none' });
  });
});
