import { cpSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterMounting, canMountNoexec } from '../../helpers/namespaces';
import { prebuild, target } from '../libc';
import { type Run, root } from '../run';
import { Consumer } from './consumer';

const worked = { code: 0, stdout: '{"frozen":true,"stopped":"T","guarded":true}\n', stderr: '' };

describe('installed with --ignore-scripts where there is no compiler', () => {
  const consumer = new Consumer();
  beforeAll(async () => {
    const { code, stderr } = await consumer.install('--ignore-scripts');
    expect(code, stderr).toBe(0);
  });
  afterAll(() => consumer.remove());

  it.each(['cc', 'gcc', 'g++', 'c++', 'clang', 'make', 'python3'])('has no %s to compile with', async (program) => {
    expect(await consumer.runBare('sh', '-c', `command -v ${program}`)).toMatchObject({ stdout: '' });
  });

  it('freezes a process by require', async () => {
    expect(await consumer.runBare('node', '-e', "require('./use.cjs')(require('freeze-state'))")).toEqual(worked);
  });

  it('freezes a process by import', async () => {
    const program = "import * as freezeState from 'freeze-state'; import use from './use.cjs'; use(freezeState);";
    expect(await consumer.runBare('node', '--input-type=module', '-e', program)).toEqual(worked);
  });

  it('freezes a process in a worker thread', async () => {
    const program = "new (require('worker_threads').Worker)('./worker.cjs')";
    consumer.write('worker.cjs', "require('./use.cjs')(require('freeze-state'));");
    expect(await consumer.runBare('node', '-e', program)).toEqual(worked);
  });

  /** Uses the package in a mount namespace where node_modules is mounted with these options. */
  function useMounted(options: string): Promise<Run> {
    const folder = `'${join(consumer.folder, 'node_modules')}'`;
    const mounting = `mount --bind ${folder} ${folder} && mount -o remount,bind,${options} ${folder}`;
    const [command = '', ...words] = afterMounting(mounting);
    return consumer.run(command, ...words, process.execPath, '-e', "require('./use.cjs')(require('freeze-state'))");
  }

  it.runIf(canMountNoexec)('freezes a process from a node_modules that is mounted read-only', async () => {
    expect(await useMounted('ro')).toEqual(worked);
  });

  it.runIf(canMountNoexec)('says so of a node_modules from which nothing may be executed', async () => {
    const { code, stderr } = await useMounted('noexec');
    expect(code).toBe(1);
    expect(stderr).toContain(`The native binary for ${target} does not load: ${join(consumer.installed, prebuild)}: `);
    expect(stderr).toContain('Most probably its file system is mounted noexec');
  });

  it('has a command that tells what works', async () => {
    const { code, stdout } = await consumer.runBare(
      'npx',
      '--no-install',
      'freeze-state',
      'doctor',
      '--mode',
      'process',
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^process +works: /m) });
  });

  it('gives require and import the same classes', async () => {
    const program = `
      import { createRequire } from 'node:module';
      import * as imported from 'freeze-state';
      const required = createRequire(import.meta.url)('freeze-state');
      const names = Object.keys(required);
      console.log(names.includes('FreezeState'), names.every((name) => imported[name] === required[name]));`;
    expect(await consumer.runBare('node', '--input-type=module', '-e', program)).toMatchObject({
      stdout: 'true true\n',
    });
  });
});

describe('installed as people install', () => {
  const consumer = new Consumer();
  afterAll(() => consumer.remove());

  it('runs no script and warns of none', async () => {
    const { code, stderr } = await consumer.install('--loglevel', 'info');
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(
      /npm info run|install.?script|node-gyp rebuild|npm warn (?!Unknown (user|env|project) config)/i,
    );
    const lock = JSON.parse(readFileSync(join(consumer.folder, 'package-lock.json'), 'utf8'));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(lock.packages['node_modules/freeze-state'].version).toBe(version);
    expect(JSON.stringify(lock)).not.toContain('hasInstallScript');
    expect(await consumer.runBare('node', '-e', "require('./use.cjs')(require('freeze-state'))")).toEqual(worked);
  });
});

describe('used from TypeScript', () => {
  const consumer = new Consumer();
  beforeAll(async () => {
    await consumer.install('--ignore-scripts');
    for (const name of ['@types/node', 'undici-types']) consumer.link(name);
  });
  afterAll(() => consumer.remove());

  const strict = { strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true };
  const libraries = { target: 'es2022', lib: ['es2022'], types: ['node'], skipLibCheck: false };

  function tsc(options: object, files: readonly string[]): Promise<Run> {
    for (const file of files.filter((name) => /^types\.[cm]ts$/.test(name)))
      cpSync(join(consumer.folder, 'types.ts'), join(consumer.folder, file));
    const compilerOptions = { ...strict, ...libraries, ...options, outDir: 'out', rootDir: '.' };
    consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    rmSync(join(consumer.folder, 'out'), { recursive: true, force: true });
    return consumer.runBare('node', join(root, 'node_modules', 'typescript', 'bin', 'tsc'));
  }

  async function compile(options: object, files: readonly string[]): Promise<void> {
    expect(await tsc(options, files)).toEqual({ code: 0, stdout: '', stderr: '' });
  }

  async function runs(file: string, format: RegExp): Promise<void> {
    expect(readFileSync(join(consumer.folder, file), 'utf8')).toMatch(format);
    expect(await consumer.runBare('node', file)).toEqual({ code: 0, stdout: 'ERR_FREEZE_NO_PID 1\n', stderr: '' });
  }

  it.each(['node16', 'nodenext', 'node20'])('compiles and runs by require and by import with %s', async (module) => {
    await compile({ module }, ['types.cts', 'types.mts']);
    await runs('out/types.cjs', /\brequire\("freeze-state"\)/);
    await runs('out/types.mjs', /^import .* from 'freeze-state';$/m);
  });

  it('finds the types of Node by itself, which it has as an optional peer', async () => {
    // TypeScript 6 takes no types by itself.
    await compile({ module: 'node16', types: [] }, ['types.cts', 'sandbox.cts']);
    const { peerDependencies, peerDependenciesMeta } = JSON.parse(
      readFileSync(join(consumer.installed, 'package.json'), 'utf8'),
    );
    expect({ peerDependencies, peerDependenciesMeta }).toEqual({
      peerDependencies: { '@types/node': '>=20' },
      peerDependenciesMeta: { '@types/node': { optional: true } },
    });

    const types = join(consumer.folder, 'node_modules', '@types');
    renameSync(types, `${types}-away`);
    const without = await tsc({ module: 'node16', types: [] }, ['types.cts']);
    renameSync(`${types}-away`, types);
    expect(without.stdout).toMatch(/freeze-state\/dist\/api\.d\.ts\(.*error TS2688: .* 'node'/);
  });

  it('compiles and runs with the resolution of bundlers', async () => {
    consumer.write('package.json', JSON.stringify({ private: true, type: 'module' }));
    await compile({ module: 'esnext', moduleResolution: 'bundler' }, ['types.ts']);
    await runs('out/types.js', /^import .* from 'freeze-state';$/m);
  });
});
