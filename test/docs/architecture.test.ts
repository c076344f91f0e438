import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');

/** The core, the binding and the guardian, without their tests. */
const sources = ['core', 'binding', 'guardian']
  .flatMap((folder) =>
    readdirSync(join(root, 'native', folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((file) => /\.(cpp|h)$/.test(file))
  .map((file) => readFileSync(join(root, 'native', file), 'utf8'));

/** What the page names, each once. */
function named(pattern: RegExp): string[] {
  return [...new Set([...page.matchAll(pattern)].map(([, name = '']) => name))];
}

/** It is defined in some file, or the class declares it. */
function isThere(name: string): boolean {
  const [owner, member] = name.split('::');
  const inClass = new RegExp(`\\b(class|struct) ${owner}\\b[^;]*{[^]*\\b${member}\\(`);
  return sources.some((text) => text.includes(`${name}(`) || inClass.test(text));
}

it('docs/architecture.md names functions that are there', () => {
  const functions = named(/`(\w+::\w+)`/g);
  expect(functions.length).toBeGreaterThan(20);
  expect(functions.filter((name) => !isThere(name))).toEqual([]);
});

it('docs/architecture.md names files that are there', () => {
  const places = [
    '',
    'native',
    'native/core',
    'native/core/os',
    'native/core/platform',
    'native/binding',
    'native/test/support',
    'lib/sandbox',
  ];
  const files = named(/`([\w/]+\.(?:cpp|h|ts|mjs|gyp|txt))`/g);
  expect(files.length).toBeGreaterThan(40);
  expect(files.filter((file) => !places.some((place) => existsSync(join(root, place, file))))).toEqual([]);
});
