import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import type { Run } from '../run';
import { Consumer } from './consumer';
import { installPackageManagers, type PackageManager, programOf } from './package-managers';

// Where a package has a binding.gyp at its root, these run node-gyp, and fail where there is no compiler. So each test
// installs with scripts allowed and no compiler on the PATH.

const use = "require('./use.cjs')(require('freeze-state'))";
const worked = { code: 0, stdout: '{"frozen":true,"stopped":"T","guarded":true}\n', stderr: '' };

let consumer: Consumer;
beforeAll(installPackageManagers);
beforeEach(() => {
  consumer = new Consumer();
});
afterEach(() => consumer.remove());

function manage(name: PackageManager, ...args: string[]): Promise<Run> {
  return consumer.runBare('node', programOf(name), ...args);
}

function expectSuccess({ code, stdout, stderr }: Run): void {
  expect(code, stdout + stderr).toBe(0);
  expect(stdout + stderr).not.toMatch(/node-gyp rebuild/);
}

/** Installs the package, and then anew from the lockfile that this left, as a CI does. */
async function installTwice(add: () => Promise<Run>, fromLockfile: () => Promise<Run>): Promise<void> {
  expectSuccess(await add());
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
  rmSync(join(consumer.folder, 'node_modules'), { recursive: true });
  expectSuccess(await fromLockfile());
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
}

it('npm install, and npm ci from its lockfile', async () => {
  await installTwice(
    () => consumer.install(),
    () => consumer.runBare('npm', 'ci', '--no-audit', '--no-fund'),
  );
});

it.each(['pnpm 8', 'pnpm 9', 'pnpm 10'] as const)('%s, with builds allowed, and from its lockfile', async (name) => {
  // pnpm 10 builds nothing without this setting; the others build everything, and take no such file.
  if (name === 'pnpm 10') consumer.write('pnpm-workspace.yaml', 'dangerouslyAllowAllBuilds: true\n');
  const own = ['--store-dir', join(consumer.folder, '.store'), '--cache-dir', join(consumer.folder, '.cache')];
  await installTwice(
    () => manage(name, 'add', ...own, inject('tarball')),
    () => manage(name, 'install', ...own, '--frozen-lockfile'),
  );
});

it('yarn 1, and from its lockfile', async () => {
  const own = ['--cache-folder', join(consumer.folder, '.cache'), '--no-default-rc', '--non-interactive'];
  await installTwice(
    () => manage('yarn 1', 'add', ...own, `file:${inject('tarball')}`),
    // Not --frozen-lockfile: for a package that is a file, it says that the lockfile yarn has just written is stale.
    () => manage('yarn 1', 'install', ...own, '--pure-lockfile'),
  );
});

function configureYarn4(nodeLinker: string): void {
  const settings = { nodeLinker, enableScripts: true, enableGlobalCache: false, enableTelemetry: false };
  // JSON is YAML.
  consumer.write('.yarnrc.yml', JSON.stringify({ ...settings, globalFolder: join(consumer.folder, '.yarn-global') }));
  consumer.write('yarn.lock', '');
}

it('yarn 4, into node_modules, with scripts enabled, and from its lockfile', async () => {
  configureYarn4('node-modules');
  await installTwice(
    () => manage('yarn 4', 'add', `freeze-state@file:${inject('tarball')}`),
    () => manage('yarn 4', 'install', '--immutable'),
  );
  expect(existsSync(consumer.installed)).toBe(true);
});

it("yarn 4, by Plug'n'Play, with scripts enabled, and from its lockfile", async () => {
  configureYarn4('pnp');
  expectSuccess(await manage('yarn 4', 'add', `freeze-state@file:${inject('tarball')}`));
  expect(existsSync(join(consumer.folder, 'node_modules'))).toBe(false);
  for (const file of ['.pnp.cjs', '.yarn']) rmSync(join(consumer.folder, file), { recursive: true });
  expectSuccess(await manage('yarn 4', 'install', '--immutable'));
  expect(await consumer.runBare('node', '--require', './.pnp.cjs', '-e', use)).toEqual(worked);
});
