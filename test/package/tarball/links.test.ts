import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { output } from '../run';

const folder = mkdtempSync(join(tmpdir(), 'freeze-state-links-'));
const unpacked = join(folder, 'package');

beforeAll(() => output('tar', ['-xzf', inject('tarball')], { cwd: folder }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Without the blocks of code, where brackets are no links and a number sign begins no heading. */
function prose(file: string): string {
  return readFileSync(file, 'utf8').replace(/^( *)(```+).*?^ *\2/gms, '');
}

/** The names by which links reach the headings of a file, as GitHub and npm make them, and the rows of docs/api that have one. */
function anchors(file: string): Set<string> {
  const seen = new Map<string, number>();
  const text = prose(file);
  const headings = [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading = '']) => {
    const title = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase();
    const name = title.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times === 0 ? name : `${name}-${times}`;
  });
  const rows = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id);
  return new Set([...headings, ...rows]);
}

interface Link {
  readonly file: string;
  readonly target: string;
}

/** All links to a place in the package. */
function relativeLinks(): Link[] {
  const names = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  return names.flatMap((name) => {
    const file = join(unpacked, name);
    const text = prose(file).replace(/`[^`\n]*`/g, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: *(\S+)|\b(?:src|srcset)="([^"]+)"/gm)]
      .map(([, inline, reference, picture]) => ({ file, target: inline ?? reference ?? picture ?? '' }))
      .filter(({ target }) => !/^[a-z]+:/i.test(target));
  });
}

/** Why the link leads nowhere, or undefined. */
function fault({ file, target }: Link): string | undefined {
  const [path = '', anchor] = target.split('#');
  const destination = path === '' ? file : join(file, '..', decodeURI(path));
  const link = `${relative(unpacked, file)}: ${target}`;
  if (relative(unpacked, destination).startsWith('..') || !existsSync(destination)) return `${link}: no such file`;
  if (anchor === undefined) return undefined;
  if (statSync(destination).isDirectory() || !anchors(destination).has(anchor)) return `${link}: no such heading`;
  return undefined;
}

it('every relative link of the packed manual leads to a file, and a heading, of the package', () => {
  const links = relativeLinks();
  const files = new Set(links.map(({ file }) => relative(unpacked, file)));
  expect([...files]).toEqual(
    expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/lambda.md', 'docs/api/README.md']),
  );
  expect(links.map(({ target }) => target)).toEqual(expect.arrayContaining(['docs/pictures/demo-dark.svg']));
  expect(links.map(fault).filter((message) => message !== undefined)).toEqual([]);
});
