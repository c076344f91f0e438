import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { output, root } from '../run';

/** Packages by an alias of ours, each as `name@version`. */
export type Packages = Readonly<Record<string, string>>;

/** Where an installation has the package. */
export function folderOf(name: string, alias: string): string {
  return join(root, '.cache', name, 'node_modules', alias);
}

function isInstalled(name: string, [alias, specifier]: readonly [string, string]): boolean {
  const manifest = join(folderOf(name, alias), 'package.json');
  if (!existsSync(manifest)) return false;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return specifier.endsWith(`@${version}`);
}

/**
 * Installs programs that are too big to be dependencies of the repository into a folder that later runs find again, where they
 * are not there yet.
 */
export async function installInCache(name: string, packages: Packages): Promise<void> {
  const entries = Object.entries(packages);
  if (entries.every((entry) => isInstalled(name, entry))) return;
  const options = ['--prefix', join(root, '.cache', name), '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  await output('npm', ['install', ...options, ...entries.map(([alias, specifier]) => `${alias}@npm:${specifier}`)], {
    cwd: root,
  });
}
