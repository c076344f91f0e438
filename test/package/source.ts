import { cpSync, symlinkSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './run';

const made = /^(node_modules|build|build-.*|dist|prebuilds|\.git|\.cache)$/;

/** A clean copy of the sources, as in a fresh clone after `npm ci`: nothing that lies about in the working tree is in it. */
export function copySource(folder: string): void {
  cpSync(root, folder, {
    recursive: true,
    filter: (path) =>
      !relative(root, path)
        .split(sep)
        .some((name) => made.test(name)),
  });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
}
