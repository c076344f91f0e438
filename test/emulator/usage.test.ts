import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../examples/lambda-emulator/errors';
import { readEvents } from '../../examples/lambda-emulator/events';
import { canBecomeNobody, nobody } from '../helpers/processes';
import { args, Run } from './helpers';

const folder = mkdtempSync(join(tmpdir(), 'emulator-'));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (name: string, text: string) => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

describe('a wrong command line', () => {
  const runtime = ['--runtime', 'true'];
  const event = ['--event', '{}'];
  it.each([
    ['no runtime', event, /--runtime <CMD>' not specified/],
    ['no event', runtime, /no event: give --event JSON, --events FILE, or --serve PORT/],
    ['an event that is not JSON', [...runtime, '--event', '{a:1}'], /--event is not JSON: \{a:1\}/],
    ['a file that is not there', [...runtime, '--events', '/no/such/file'], /\/no\/such\/file cannot be read.*ENOENT/],
    [
      'a mode that does not exist',
      [...runtime, ...event, '--freeze', 'deep'],
      /'deep' is invalid.*process, process-tree, process-group, cgroup, none/,
    ],
    ['a grace that is no number', [...runtime, ...event, '--grace', 'abc'], /'abc' is invalid.*whole milliseconds/],
    ['a negative gap', [...runtime, ...event, '--gap', '-5'], /'-5' is invalid.*whole milliseconds/],
    ['a gap that no timer takes', [...runtime, ...event, '--gap', '2147483648'], /'2147483648' is invalid/],
    ['a port that is too large', [...runtime, ...event, '--port', '65536'], /'65536' is invalid.*0 to 65535/],
    ['a timeout of nothing', [...runtime, ...event, '--timeout', '0'], /'0' is invalid.*more than 0/],
    ['an option that does not exist', [...runtime, ...event, '--graze', '1'], /unknown option '--graze'/],
    ['a port to serve that is none', [...runtime, '--serve', 'http'], /'http' is invalid.*0 to 65535/],
    [
      'events for one that is served',
      [...runtime, ...event, '--serve', '0'],
      /'--serve <PORT>' cannot be used with.*--event/,
    ],
    ['a word too many', [...runtime, ...event, 'word'], /too many arguments/],
  ])('%s is named, with what would be right', async (_name, args, message) => {
    const run = new Run(args);
    await run.exitsWith(2);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toMatch(/^ +at /m);
    expect(run.stdout).toBe('');
  });
});

it.runIf(canBecomeNobody)(
  'a mode that is not possible here is a wrong command line, and the reason is told',
  async () => {
    const run = new Run(args({ more: ['--freeze', 'cgroup'] }), { uid: nobody });
    await run.exitsWith(2);
    expect(run.stderr).toMatch(/^error: --freeze cgroup is not possible here\. .*cgroup.*\.$/m);
    expect(run.stdout).toBe('');
  },
);

it('the help gives each default in the unit of its option', async () => {
  const run = new Run(['--help']);
  await run.exitsWith(0);
  const defaults = [...run.stdout.matchAll(/--([a-z-]+) <(MS|SECONDS)>[^(]*\(default: (\w+)\)/g)];
  expect(defaults.map(([, name, unit, value]) => `${name} ${value} ${unit}`)).toEqual([
    'grace 0 MS',
    'gap 100 MS',
    'timeout 30 SECONDS',
    'init-timeout 10 SECONDS',
  ]);
});

describe('a file of events', () => {
  it('has one event a line, or an array', () => {
    expect(readEvents(write('lines', '{"a": 1}\n\n  2\r\n"x"'))).toEqual(['{"a": 1}', '2', '"x"']);
    expect(readEvents(write('array', ' [\n {"a": 1},\n 2\n]\n'))).toEqual(['{"a":1}', '2']);
    expect(readEvents(write('lines of arrays', '[1]\n\n[2]\n'))).toEqual(['[1]', '[2]']);
  });

  it('keeps the text of a line, and writes what is in an array anew', () => {
    const number = '12345678901234567890';
    expect(readEvents(write('lines', `${number}\n{}`))).toEqual([number, '{}']);
    expect(readEvents(write('array', `[${number}]`))).toEqual(['12345678901234567000']);
  });

  it.each([
    ['{"a":1}\n{a:2}\n{"a":3}', /, line 2, is not JSON: \{a:2\}/],
    ['{\n  "a": 1\n}\n', /, line 1, is not JSON: \{ /],
    ['[\n  1,\n  two\n]', /, line 3, breaks the JSON array/],
    ['[\n  {"a": "x},\n  {}\n]', /, line 2, breaks the JSON array/],
    ['[\n  1,\n  2\n', /, line 3, breaks the JSON array/],
    ['[\n  1,\n]\n', /, line 3, breaks the JSON array/],
    ['\n \n', /has no events/],
    ['[]', /has no events/],
  ])('says which line is bad: %j', (text, message) => {
    const file = write('bad', text);
    expect(() => readEvents(file)).toThrow(UsageError);
    expect(() => readEvents(file)).toThrow(message);
  });

  it('may have no event that is larger than Lambda takes', () => {
    const file = write('large', JSON.stringify('x'.repeat(6 * 1024 * 1024 + 99)));
    expect(() => readEvents(file)).toThrow(/line 1, has 6291557 bytes/);
  });
});
