import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { faultOf, relativeLinks } from './markdown-links';

const root = join(__dirname, '../..');

const pages = (folder: string, recursive = false): string[] =>
  readdirSync(join(root, folder), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(root, folder, name));

// Not all of the examples: what is installed there leads back to this folder by a symbolic link.
const files = [
  ...pages('.'),
  ...pages('docs', true),
  ...readdirSync(join(root, 'examples')).flatMap((name) => pages(join('examples', name))),
];

it('every relative link of a page leads to a file, and a heading, of the project', () => {
  const links = relativeLinks(files);
  const sources = new Set(links.map(({ file }) => relative(root, file)));
  expect([...sources]).toEqual(
    expect.arrayContaining([
      'README.md',
      'docs/performance.md',
      'docs/api/README.md',
      'examples/lambda-emulator/README.md',
    ]),
  );
  expect(links.map((link) => faultOf(link, root)).filter((fault) => fault !== undefined)).toEqual([]);
});
