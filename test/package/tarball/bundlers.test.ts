import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { guardianProgram, prebuild, target } from '../libc';
import { type Run, root } from '../run';
import { folderOf, installInCache, type Packages } from './cache';
import { Consumer } from './consumer';

// What docs/bundlers.md says is done as it is written there.

/** 60 MB. esbuild and vite are there, since vitest and tsx use them. */
const bundlers: Packages = {
  webpack: 'webpack@5.112.2',
  'webpack-cli': 'webpack-cli@7.3.1',
  'node-loader': 'node-loader@2.1.0',
  rollup: 'rollup@4.68.5',
  'plugin-commonjs': '@rollup/plugin-commonjs@29.0.3',
  'plugin-node-resolve': '@rollup/plugin-node-resolve@16.0.3',
  ncc: '@vercel/ncc@0.45.0',
};
const programs: Readonly<Record<string, string>> = {
  esbuild: join(root, 'node_modules/esbuild/bin/esbuild'),
  vite: join(root, 'node_modules/vite/bin/vite.js'),
  webpack: join(folderOf('bundlers', 'webpack-cli'), 'bin/cli.js'),
  rollup: join(folderOf('bundlers', 'rollup'), 'dist/bin/rollup'),
  ncc: join(folderOf('bundlers', 'ncc'), 'dist/ncc/cli.js'),
};

const worked = { code: 0, stdout: '{"frozen":true,"stopped":"T","guarded":true}\n', stderr: '' };

const consumer = new Consumer(['cp']);
const dist = join(consumer.folder, 'dist');
beforeAll(async () => {
  await installInCache('bundlers', bundlers);
  expect(await consumer.install('--ignore-scripts')).toMatchObject({ code: 0 });
  for (const name of ['webpack', 'webpack-cli', 'node-loader'])
    symlinkSync(folderOf('bundlers', name), join(consumer.folder, 'node_modules', name));
  const program = '// What use.cjs is given: a bundler that sees all of it could take it apart.\n';
  consumer.write('app.js', `${program}globalThis.freezeState = require('freeze-state');`);
  consumer.write('app.mjs', `${program}import * as all from 'freeze-state'; globalThis.freezeState = all;`);
});
beforeEach(() => mkdirSync(dist));
afterEach(() => {
  rmSync(dist, { recursive: true, force: true });
  for (const file of readdirSync(consumer.folder)) if (file.includes('.config.')) rmSync(join(consumer.folder, file));
});
afterAll(() => consumer.remove());

const page = readFileSync(join(root, 'docs/bundlers.md'), 'utf8');

/** The blocks of code of a section. */
function blocks(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^```\w+\n(.*?)^```/gms)].map(([, text = '']) => text);
}

/** Runs the lines of a block. */
async function sh(block: string | undefined): Promise<void> {
  for (const line of (block ?? '').trim().split('\n')) expect(await command(line)).toMatchObject({ code: 0 });
}

function command(line: string): Promise<Run> {
  const named = line.replace(/^npx (\w+)/, (_, name: string) => `node '${programs[name]}'`);
  return consumer.runBare('sh', '-c', named);
}

/** Writes a block to the file that its first line names. */
function write(block = ''): void {
  consumer.write(/^\/\/ (\S+)/.exec(block)?.[1] ?? '', block);
}

/** Uses the bundle where it lies, beside node_modules. */
function use(file: string): Promise<Run> {
  const program = `import(${JSON.stringify(file)}).then(() => require('./use.cjs')(globalThis.freezeState))`;
  return consumer.runBare('node', '-e', program);
}

/** Uses it in another folder, where the package is not installed. */
async function useAlone(file: string, alsoThere: (folder: string) => void = () => undefined): Promise<Run> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-bundle-')));
  try {
    cpSync(dist, folder, { recursive: true });
    alsoThere(folder);
    return await use(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('esbuild', () => {
  const [external, whole, asModule] = blocks('esbuild');

  it('leaves the package out', async () => {
    await sh(external);
    expect(readdirSync(dist)).toEqual(['app.js']);
    expect(await use(join(dist, 'app.js'))).toEqual(worked);
  });

  it('takes it along', async () => {
    await sh(whole);
    expect(await useAlone('app.js')).toEqual(worked);
  });

  it('takes it along in an ES module', async () => {
    await sh(asModule);
    expect(await useAlone('app.mjs')).toEqual(worked);
  });

  it('says which file it has no loader for', async () => {
    const { code, stderr } = await command('npx esbuild app.js --bundle --platform=node --outdir=dist');
    expect(code).toBe(1);
    expect(stderr).toContain(`No loader is configured for ".node" files: node_modules/freeze-state/${prebuild}`);
  });

  it('takes along the one binary of an entry', async () => {
    consumer.write('one.js', `globalThis.freezeState = require('freeze-state/${target}')`);
    await command('npx esbuild one.js --bundle --platform=node --loader:.node=copy --outdir=dist');
    const bundle = readFileSync(join(dist, 'one.js'), 'utf8');
    expect(bundle.match(/\/\/ node_modules\/freeze-state\/prebuilds\/.+/g)).toEqual([
      `// node_modules/freeze-state/prebuilds/${target}.js`,
    ]);
    const copy = (folder: string) =>
      cpSync(join(consumer.installed, guardianProgram), join(folder, 'freeze-state-guardian'));
    expect(await useAlone('one.js', copy)).toEqual(worked);
  });

  it('where the guardian was not copied, a state says where it was looked for', async () => {
    await sh(whole?.split('\n')[0]);
    const { code, stdout, stderr } = await useAlone('app.js');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"frozen":true,"stopped":"T","guarded":false}\n' });
    expect(stderr).toMatch(/There is no program at \S+freeze-state-bundle-\w+\/freeze-state-guardian /);
  });

  it('where the addon was not copied, the error says what to do', async () => {
    await sh(whole);
    const remove = (folder: string) => {
      for (const file of readdirSync(folder)) if (file.endsWith('.node')) rmSync(join(folder, file));
    };
    const { code, stderr } = await useAlone('app.js', remove);
    expect(code).toBe(1);
    expect(stderr).toMatch(`Error: freeze-state has no native binary for ${target}. Cannot find module`);
    expect(stderr).toContain('Leave freeze-state out of the bundle');
    expect(stderr).not.toContain('node-gyp');
  });
});

describe('webpack', () => {
  const [external, whole, commands] = blocks('webpack');

  it('leaves the package out', async () => {
    write(external);
    await sh('npx webpack');
    expect(readdirSync(dist)).toEqual(['app.js']);
    expect(await use(join(dist, 'app.js'))).toEqual(worked);
  });

  it('takes it along', async () => {
    write(whole);
    await sh(commands);
    expect(await useAlone('app.js')).toEqual(worked);
  });

  it('says which file it has no loader for, and warns of nothing else', async () => {
    write(whole?.replace(/^ *module: .*\n/m, ''));
    const { code, stdout } = await command('npx webpack');
    expect(code).toBe(1);
    expect(stdout).toContain(`ERROR in ./node_modules/freeze-state/${prebuild}`);
    expect(stdout).toContain('You may need an appropriate loader');
    expect(stdout).toContain('compiled with 1 error in');
  });
});

describe('Rollup', () => {
  const [external] = blocks('Rollup');

  it('leaves the package out', async () => {
    write(external);
    await sh('npx rollup --config');
    expect(await use(join(dist, 'app.mjs'))).toEqual(worked);
  });

  it('says which file it cannot read otherwise', async () => {
    const plugins = ['plugin-node-resolve', 'plugin-commonjs'];
    const paths = plugins.map((name) => `--plugin '${folderOf('bundlers', name)}/dist/cjs/index.js'`);
    const { code, stderr } = await command(`npx rollup app.mjs --format es --dir dist ${paths.join(' ')}`);
    expect(code).toBe(1);
    expect(stderr).toContain('Unexpected character');
    expect(stderr).toContain(prebuild);
  });
});

describe('Vite', () => {
  const [noExternal = ''] = blocks('Vite');

  it('leaves the package out of a build for the server', async () => {
    await sh('npx vite build --ssr app.mjs');
    expect(await use(join(dist, 'app.mjs'))).toEqual(worked);
  });

  it('leaves it out where it is the exception', async () => {
    write(noExternal);
    await sh('npx vite build');
    expect(await use(join(dist, 'app.mjs'))).toEqual(worked);
  });

  it('says which file it cannot load otherwise', async () => {
    write(noExternal.replace(/, external: .*\]/, ''));
    const { code, stderr } = await command('npx vite build');
    expect(code).toBe(1);
    expect(stderr).toContain('Could not load');
    expect(stderr).toContain(prebuild);
  });
});

describe('ncc', () => {
  const [whole, external] = blocks('ncc');

  it('takes the package along, with its programs', async () => {
    await sh(whole);
    expect(await useAlone('index.js')).toEqual(worked);
  });

  it('leaves it out', async () => {
    await sh(external);
    expect(readdirSync(dist)).toEqual(['index.js']);
    expect(await use(join(dist, 'index.js'))).toEqual(worked);
  });
});
