import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { guardianProgram, joinerProgram, prebuild, target } from '../libc';
import { output } from '../run';

const tarball = inject('tarball');
const source = inject('source');
const folder = mkdtempSync(join(tmpdir(), 'freeze-state-contents-'));
const unpacked = join(folder, 'package');

/** Every file below the folder, as paths from there. */
function filesBelow(path: string): string[] {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1));
}

/** What tsc makes of a source file. */
function compiled(file: string): string[] {
  const [, name, m] = /^(.+)\.(m?)ts$/.exec(file) ?? [];
  return [`dist/${name}.${m}js`, `dist/${name}.d.${m}ts`];
}

beforeAll(() => output('tar', ['-xzf', tarball], { cwd: folder }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the packed tarball', () => {
  it('holds the build, the binary, the sources to compile another, and the manual, and nothing else', () => {
    const sources = filesBelow(join(source, 'lib')).filter((file) => !file.endsWith('.d.ts'));
    const native = filesBelow(join(source, 'native')).filter((file) => !/^test\//.test(file));
    const packed = (name: string): string[] => filesBelow(join(source, name)).map((file) => `${name}/${file}`);
    const expected = [
      'package.json',
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      prebuild,
      'prebuilds/index.js',
      `prebuilds/${target}.js`,
      guardianProgram,
      joinerProgram,
      ...sources.flatMap(compiled),
      ...native.map((file) => `native/${file}`),
      ...packed('docs'),
      ...packed('examples'),
    ];
    expect(filesBelow(unpacked).sort()).toEqual(expected.sort());
  });

  it.each([guardianProgram, joinerProgram])('holds %s as a program, which only its owner may write', (program) => {
    const { mode } = statSync(join(unpacked, program));
    expect(mode & 0o111).toBe(0o111);
    expect(mode & 0o7022).toBe(0);
  });

  it('refers to no source map', () => {
    for (const file of filesBelow(join(unpacked, 'dist'))) {
      expect(readFileSync(join(unpacked, 'dist', file), 'utf8')).not.toContain('sourceMappingURL');
    }
  });

  it('has no script that an installation runs', () => {
    const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8'));
    expect(Object.keys(manifest.scripts)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(pre|post)?(install|prepare)$/)]),
    );
    // npm, pnpm and yarn run node-gyp for it, and `gypfile: false` keeps only some of them from it.
    expect(existsSync(join(unpacked, 'binding.gyp'))).toBe(false);
  });

  it('satisfies publint', async () => {
    const data = readFileSync(tarball);
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(data).buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('has the right types for every kind of resolution', async () => {
    const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    expect(result).toMatchObject({ packageName: 'freeze-state', types: { kind: 'included' } });
    expect('problems' in result && result.problems).toEqual([]);
  });
});
