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

it('npm install, and npm ci from its lockfile', async () => {
  expectSuccess(await consumer.install());
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
  rmSync(join(consumer.folder, 'node_modules'), { recursive: true });
  expectSuccess(await consumer.runBare('npm', 'ci', '--no-audit', '--no-fund'));
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
});

it.each(['pnpm 8', 'pnpm 9', 'pnpm 10'] as const)('%s, with builds allowed', async (name) => {
  // pnpm 10 builds nothing without this setting; the others build everything, and take no such file.
  if (name === 'pnpm 10') consumer.write('pnpm-workspace.yaml', 'dangerouslyAllowAllBuilds: true\n');
  const own = ['--store-dir', join(consumer.folder, '.store'), '--cache-dir', join(consumer.folder, '.cache')];
  expectSuccess(await manage(name, 'add', ...own, inject('tarball')));
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
});

it('yarn 1', async () => {
  const own = ['--cache-folder', join(consumer.folder, '.cache'), '--no-default-rc', '--non-interactive'];
  expectSuccess(await manage('yarn 1', 'add', ...own, `file:${inject('tarball')}`));
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
});

function configureYarn4(nodeLinker: string): void {
  const settings = { nodeLinker, enableScripts: true, enableGlobalCache: false, enableTelemetry: false };
  // JSON is YAML.
  consumer.write('.yarnrc.yml', JSON.stringify({ ...settings, globalFolder: join(consumer.folder, '.yarn-global') }));
  consumer.write('yarn.lock', '');
}

it('yarn 4, into node_modules, with scripts enabled', async () => {
  configureYarn4('node-modules');
  expectSuccess(await manage('yarn 4', 'add', `freeze-state@file:${inject('tarball')}`));
  expect(existsSync(consumer.installed)).toBe(true);
  expect(await consumer.runBare('node', '-e', use)).toEqual(worked);
});

it("yarn 4, by Plug'n'Play, with scripts enabled", async () => {
  configureYarn4('pnp');
  expectSuccess(await manage('yarn 4', 'add', `freeze-state@file:${inject('tarball')}`));
  expect(existsSync(join(consumer.folder, 'node_modules'))).toBe(false);
  expect(await consumer.runBare('node', '--require', './.pnp.cjs', '-e', use)).toEqual(worked);
});
