import { join } from 'node:path';
import { folderOf, installInCache } from './cache';

/** The package managers that consumers use, by a name of ours: 70 MB. */
const releases = {
  'pnpm 8': { specifier: 'pnpm@8.15.9', program: 'bin/pnpm.cjs' },
  'pnpm 9': { specifier: 'pnpm@9.15.9', program: 'bin/pnpm.cjs' },
  'pnpm 10': { specifier: 'pnpm@10.34.8', program: 'bin/pnpm.cjs' },
  'yarn 1': { specifier: 'yarn@1.22.22', program: 'bin/yarn.js' },
  'yarn 4': { specifier: '@yarnpkg/cli-dist@4.18.1', program: 'bin/yarn.js' },
} as const;

export type PackageManager = keyof typeof releases;

const cache = 'package-managers';
const aliasOf = (name: string): string => name.replace(' ', '');

/** Downloads those that are not there yet. */
export function installPackageManagers(): Promise<void> {
  const packages = Object.entries(releases).map(([name, { specifier }]) => [aliasOf(name), specifier] as const);
  return installInCache(cache, Object.fromEntries(packages));
}

/** The file to run with Node. */
export function programOf(name: PackageManager): string {
  return join(folderOf(cache, aliasOf(name)), releases[name].program);
}
