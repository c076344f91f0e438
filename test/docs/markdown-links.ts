import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Of a file in Markdown to another place in the same folder. */
export interface Link {
  /** The path of the file. */
  readonly file: string;
  readonly target: string;
}

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

/** All relative links of the files. */
export function relativeLinks(files: readonly string[]): Link[] {
  return files.flatMap((file) => {
    const text = prose(file).replace(/`[^`\n]*`/g, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: *(\S+)|\b(?:src|srcset)="([^"]+)"/gm)]
      .map(([, inline, reference, picture]) => ({ file, target: inline ?? reference ?? picture ?? '' }))
      .filter(({ target }) => !/^[a-z]+:/i.test(target));
  });
}

/** Why the link does not lead to a file, or a heading, in the folder; undefined if it does. */
export function faultOf({ file, target }: Link, folder: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const destination = path === '' ? file : join(file, '..', decodeURI(path));
  const link = `${relative(folder, file)}: ${target}`;
  if (relative(folder, destination).startsWith('..') || !existsSync(destination)) return `${link}: no such file`;
  if (anchor === undefined) return undefined;
  if (statSync(destination).isDirectory() || !anchors(destination).has(anchor)) return `${link}: no such heading`;
  return undefined;
}
