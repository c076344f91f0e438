import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import type { TestProject } from 'vitest/node';
import { output, root } from '../run';

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the packed package. */
    tarball: string;
    /** The clean copy of the sources that it was packed from. */
    source: string;
  }
}

const made = /^(node_modules|build|build-.*|dist|prebuilds|\.git|\.cache)$/;

/**
 * Packs as the publisher does, from a clean copy of the sources: nothing that lies about in the working tree gets in, and
 * nothing that the other tests use is rebuilt under them.
 */
export default async function pack(project: TestProject): Promise<() => void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-pack-')));
  const source = join(folder, 'source');
  cpSync(root, source, {
    recursive: true,
    filter: (path) => !made.test(relative(root, path).split(sep)[0] ?? ''),
  });
  symlinkSync(join(root, 'node_modules'), join(source, 'node_modules'));
  await output('npm', ['pack', '--pack-destination', folder], { cwd: source });
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  project.provide('tarball', join(folder, `freeze-state-${version}.tgz`));
  project.provide('source', source);
  return () => rmSync(folder, { recursive: true, force: true });
}
