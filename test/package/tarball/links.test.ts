import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { faultOf, relativeLinks } from '../../docs/markdown-links';
import { output } from '../run';

const folder = mkdtempSync(join(tmpdir(), 'freeze-state-links-'));
const unpacked = join(folder, 'package');

beforeAll(() => output('tar', ['-xzf', inject('tarball')], { cwd: folder }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('every relative link of the packed manual leads to a file, and a heading, of the package', () => {
  const names = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  const links = relativeLinks(names.map((name) => join(unpacked, name)));
  const sources = new Set(links.map(({ file }) => relative(unpacked, file)));
  expect([...sources]).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/lambda.md', 'docs/api/README.md']),
  );
  expect(links.map(({ target }) => target)).toEqual(expect.arrayContaining(['docs/pictures/demo-dark.svg']));
  expect(links.map((link) => faultOf(link, unpacked)).filter((fault) => fault !== undefined)).toEqual([]);
});
