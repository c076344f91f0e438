import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const library = join(__dirname, '../../lib');

/** Of freeze-state alone: the command freeze-state doctor and freeze-state/sandbox start children, as they are told. */
const sources = readdirSync(library).filter((name) => /\.m?ts$/.test(name));
const textOf = (name: string): string => readFileSync(join(library, name), 'utf8');

it('the library uses no module of Node that starts a program or opens a connection, and writes no file', () => {
  const imports = sources.flatMap((name) => [...textOf(name).matchAll(/import ([^;]*?) from '(node:[\w/]+)'/g)]);
  const names = (module: string) => imports.filter(([, , from]) => from === module).map(([, what]) => what);
  expect([...new Set(imports.map(([, , module]) => module))].sort()).toEqual([
    'node:diagnostics_channel',
    'node:events',
    'node:fs',
    'node:module',
    'node:os',
    'node:path',
    'node:perf_hooks',
    'node:timers',
    'node:timers/promises',
    'node:util',
    'node:util/types',
    'node:worker_threads',
  ]);
  const used = names('node:fs').flatMap((what = '') => what.match(/\w+/g) ?? []);
  expect([...new Set(used)].sort()).toEqual([
    'closeSync',
    'existsSync',
    'openSync',
    'readFileSync',
    'readSync',
    'readlinkSync',
  ]);
  const opened = sources.flatMap((name) => textOf(name).match(/openSync\(.*\)/g) ?? []);
  expect(opened).toEqual(["openSync(program, 'r')"]);
  expect(names('node:module')).toEqual(['{ createRequire }']);
  for (const name of sources)
    expect(textOf(name), name).not.toMatch(/require\('node:|getBuiltinModule|process\.binding/);
});

it('the library runs no text as code', () => {
  for (const name of sources) expect(textOf(name), name).not.toMatch(/\beval\b|new Function|node:vm/);
});

it('the native code opens no connection: of the calls for sockets it makes those for a pair without a name', () => {
  const native = join(__dirname, '../../native');
  const calls = ['core', 'binding', 'guardian', 'joiner'].flatMap((part) =>
    readdirSync(join(native, part), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(cpp|h|c)$/.test(name))
      .flatMap((name) => [
        ...readFileSync(join(native, part, name), 'utf8').matchAll(
          /(?<![\w.>:])(?:::)?(socket|socketpair|connect|accept4?|getaddrinfo)\(/g,
        ),
      ]),
  );
  expect(new Set(calls.map(([, call]) => call))).toEqual(new Set(['socketpair']));
});
