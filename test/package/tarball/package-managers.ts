import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { output, root } from '../run';

/**
 * The package managers that consumers use, by a name of ours. They are 70 MB, so they are no dependencies of the
 * repository: the tests install them, in these versions, into a folder that later runs find again.
 */
const releases = {
  'pnpm 8': { specifier: 'pnpm@8.15.9', program: 'bin/pnpm.cjs' },
  'pnpm 9': { specifier: 'pnpm@9.15.9', program: 'bin/pnpm.cjs' },
  'pnpm 10': { specifier: 'pnpm@10.34.8', program: 'bin/pnpm.cjs' },
  'yarn 1': { specifier: 'yarn@1.22.22', program: 'bin/yarn.js' },
  'yarn 4': { specifier: '@yarnpkg/cli-dist@4.18.1', program: 'bin/yarn.js' },
} as const;

export type PackageManager = keyof typeof releases;

const folder = join(root, '.cache', 'package-managers');

function folderOf(name: PackageManager): string {
  return join(folder, 'node_modules', name.replace(' ', ''));
}

function isInstalled(name: PackageManager): boolean {
  const manifest = join(folderOf(name), 'package.json');
  if (!existsSync(manifest)) return false;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return releases[name].specifier.endsWith(`@${version}`);
}

const names = Object.keys(releases) as PackageManager[];

/** Downloads those that are not there yet. */
export async function installPackageManagers(): Promise<void> {
  if (names.every(isInstalled)) return;
  const aliases = names.map((name) => `${name.replace(' ', '')}@npm:${releases[name].specifier}`);
  const options = ['--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  await output('npm', ['install', ...options, ...aliases], { cwd: root });
}

/** The file to run with Node. */
export function programOf(name: PackageManager): string {
  return join(folderOf(name), releases[name].program);
}
