import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { guardianProgram, otherLibc, prebuild, target } from './libc';
import { output, root, run } from './run';

/** Stands for prebuildify: it writes the same files, without compiling for a minute. */
const compiler = `
  const { mkdirSync, writeFileSync } = require('node:fs');
  const { dirname, join } = require('node:path');
  const option = (name) => process.argv[process.argv.indexOf(name) + 1];
  const put = (file, text) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  put(join(option('--out'), ${JSON.stringify(prebuild)}), 'new');
  for (const name of ['guardian', 'joiner']) put(join(option('--cwd'), 'build/Release/freeze-state-' + name), 'new');`;

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-prebuild-')));
  for (const part of ['package.json', 'binding.gyp', 'scripts'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'native'));
  for (const name of ['node-gyp', 'node-addon-api', 'node-api-headers/include', 'prebuildify'])
    mkdirSync(join(folder, 'node_modules', name), { recursive: true });
  writeFileSync(join(folder, 'node_modules/prebuildify/bin.js'), compiler);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(file: string): void {
  mkdirSync(join(folder, file, '..'), { recursive: true });
  writeFileSync(join(folder, file), 'old');
}

const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

it('prebuild replaces the binary of this machine alone', async () => {
  const others = [
    `prebuilds/linux-${process.arch}/freeze-state.${otherLibc}.node`,
    'prebuilds/darwin-arm64/freeze-state.node',
  ];
  for (const file of [...others, prebuild, guardianProgram]) put(file);
  await output(process.execPath, [join(folder, 'scripts/prebuild.mjs')], { cwd: folder });
  expect([prebuild, guardianProgram].map(read)).toEqual(['new', 'new']);
  expect(others.map(read)).toEqual(['old', 'old']);
  const otherNames = [`linux-${process.arch}-${otherLibc}`, 'darwin-arm64'];
  for (const name of [target, ...otherNames]) expect(read('prebuilds/index.js')).toContain(`exports['${name}']`);
});

it('the list forgets a binary that is gone', async () => {
  const list = () => output(process.execPath, [join(folder, 'scripts/list-prebuilds.mjs')], { cwd: folder });
  const gone = 'prebuilds/darwin-x64/freeze-state.node';
  for (const file of [gone, prebuild]) put(file);
  await list();
  expect(existsSync(join(folder, 'prebuilds/darwin-x64.js'))).toBe(true);
  rmSync(join(folder, gone));
  await list();
  expect(existsSync(join(folder, 'prebuilds/darwin-x64.js'))).toBe(false);
  expect(read('prebuilds/index.js')).not.toContain('darwin-x64');
  expect(existsSync(join(folder, `prebuilds/${target}.js`))).toBe(true);
});

it('prepack packs no binary that is older than its sources', async () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(scripts['prepack']).toMatch(/ && node scripts\/check-age\.mjs$/);
  const check = () => run(process.execPath, [join(folder, 'scripts/check-age.mjs')], { cwd: folder });
  const other = 'prebuilds/darwin-arm64/freeze-state.node';
  for (const [file, time] of [
    [prebuild, 3000],
    [guardianProgram, 3000],
    [other, 1000],
    ['native/core/old.cpp', 1000],
    // Compiled into no binary, or not by itself.
    ['native/test/newer.cpp', 4000],
    ['native/core/newer.md', 4000],
  ] as const) {
    put(file);
    utimesSync(join(folder, file), time, time);
  }
  expect(await check()).toEqual({ code: 0, stdout: '', stderr: '' });
  put('native/binding/new.h');
  utimesSync(join(folder, 'native/binding/new.h'), 2000, 2000);
  const { code, stderr } = await check();
  expect(code).toBe(1);
  expect(stderr).toBe(
    `${other} is older than native/binding/new.h. Compile it again (npm run prebuild:all), or remove it.\n`,
  );
});
