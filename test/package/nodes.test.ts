import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { root, run, userEnvironment } from './run';

// scripts/test-nodes.sh and scripts/install-nodes.sh, with programs in the places of npm, of Node and of vitest.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'freeze-state-nodes-'));
  for (const name of ['install-nodes.sh', 'test-nodes.sh'])
    cpSync(join(root, 'scripts', name), join(folder, 'scripts', name));
  // It installs the newest patch of a version.
  program(
    'bin/npm',
    `echo "$*" >>'${folder}/installed'; package=\${!#}; bin=$3/node_modules/\${package%@*}/bin; mkdir -p "$bin"
     printf '#!/bin/sh\\necho v%s.9' "\${package##*@}" >"$bin/node"; chmod +x "$bin/node"`,
  );
  program('node_modules/.bin/vitest', 'version=$(node --version); echo "$version: $*"; [[ $version != v24.* ]]');
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(file: string, commands: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), `#!/bin/bash\n${commands}\n`, { mode: 0o755 });
}

function test(...args: string[]) {
  const env = { ...userEnvironment(), PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` };
  return run('bash', [join(folder, 'scripts/test-nodes.sh'), ...args], { cwd: '/', env });
}

const installed = () => readFileSync(join(folder, 'installed'), 'utf8').match(/@\S+$/gm);

it('runs the tests on 20, 22, 24 and 26, goes on after one that fails, and says on which they failed', async () => {
  const { code, stdout } = await test();
  const options = 'run --project tree';
  expect(stdout.split('\n')).toEqual([
    ...['20', '22', '24', '26'].map((version) => `v${version}.9: ${options}`),
    'ok  Node v20.9',
    'ok  Node v22.9',
    'FAILED  Node v24.9',
    'ok  Node v26.9',
    '',
  ]);
  expect(code).toBe(1);
});

it('runs on the versions that it is told, with the options for vitest, and installs none twice', async () => {
  const first = await test('20.19.0', '22', '--', 'test/freeze', '-t', 'x');
  const options = 'run --project tree test/freeze -t x';
  expect(first).toEqual({
    code: 0,
    stdout: `v20.19.0.9: ${options}\nv22.9: ${options}\nok  Node v20.19.0.9\nok  Node v22.9\n`,
    stderr: '',
  });
  await test('22', '20.19.0', '20.19');
  expect(installed()).toEqual(['@20.19.0', '@22', '@20.19']);
});
