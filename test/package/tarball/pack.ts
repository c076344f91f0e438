import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compileTimeout, output } from '../run';
import { copySource } from '../source';

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the packed package. */
    tarball: string;
    /** The clean copy of the sources that it was packed from. */
    source: string;
  }
}

/**
 * Packs as the publisher does, from a clean copy of the sources: nothing that lies about in the working tree gets in, and
 * nothing that the other tests use is rebuilt under them.
 */
export default async function pack(project: TestProject): Promise<() => void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-pack-')));
  const source = join(folder, 'source');
  copySource(source);
  await output('npm', ['pack', '--pack-destination', folder], { cwd: source, timeout: compileTimeout });
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  project.provide('tarball', join(folder, `freeze-state-${version}.tgz`));
  project.provide('source', source);
  return () => rmSync(folder, { recursive: true, force: true });
}
