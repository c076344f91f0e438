import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/semantics.md'), 'utf8');

/** The files of tests in a folder, in their order, with their text. */
function testsIn(folder: string, end: string): [file: string, text: string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(end))
    .sort()
    .map((file) => [file, readFileSync(join(root, folder, file), 'utf8')]);
}

const tests = [...testsIn('native/test', '_test.cpp'), ...testsIn('test', '.test.ts')];

/** The files that a row of the table names for a promise. */
function listed(promise: string): string[] {
  const [, row = ''] = new RegExp(`^\\| ${promise} \\| (.+) \\|$`, 'm').exec(page) ?? [];
  return [...row.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
}

/** The files with a title that begins with the promise, or with several of which it is one. */
function naming(promise: string): string[] {
  const title = new RegExp(`["'\`](G\\d, )*${promise}(, G\\d)*: `);
  return tests.filter(([, text]) => title.test(text)).map(([file]) => file);
}

it.each(['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G8'])(
  'docs/semantics.md lists each file that has a test of promise %s, and no other file',
  (promise) => {
    expect(listed(promise)).not.toEqual([]);
    expect(listed(promise)).toEqual(naming(promise));
  },
);
