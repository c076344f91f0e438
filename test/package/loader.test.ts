import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { afterMounting, canMountNoexec } from '../helpers/namespaces';
import { start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';
import { loaders, programWith } from './elf';
import { libc, otherLibc, prebuild, target } from './libc';
import { output, root, run } from './run';

const local = 'build/Release/freeze_state.node';

// The package as it lies in node_modules, without a binary.
let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-loader-')));
  for (const part of ['package.json', 'dist']) cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'native'));
  cpSync(join(root, 'native', 'binding.gyp'), join(folder, 'native', 'binding.gyp'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

function put(file: string): string {
  const path = join(folder, file);
  cpSync(join(root, local), path);
  if (file.startsWith('prebuilds/')) execFileSync(process.execPath, [join(root, 'scripts/list-prebuilds.mjs'), folder]);
  return path;
}

interface Loading {
  readonly loaded?: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: string;
}

/** Loads the package in a process of its own, with these options of Node. */
const load = (...options: string[]): Promise<Loading> => loadUnder(process.execPath, ...options);

/** The same with the words that run Node. */
const loadUnder = (command: string, ...options: string[]): Promise<Loading> => loadEntry('', command, ...options);

/** The same with another entry of the package, by its path in dist/. */
async function loadEntry(entry: string, command: string, ...options: string[]): Promise<Loading> {
  const program = `
    try {
      require(${JSON.stringify(join(folder, entry))});
      const loaded = Object.keys(require.cache).find((file) => file.endsWith('.node'));
      console.log(JSON.stringify({ loaded }));
    } catch ({ code, message, cause }) {
      console.log(JSON.stringify({ code, message, cause: cause.message }));
    }`;
  return JSON.parse(await output(command, [...options, '-e', program], { cwd: folder })) as Loading;
}

describe('the loader', () => {
  it('takes the binary from prebuilds', async () => {
    expect(await load()).toMatchObject({ code: 'ERR_FREEZE_NO_BINARY' });
    const file = put(prebuild);
    expect(await load()).toEqual({ loaded: file });
  });

  it.each(['glibc', 'musl'] as const)('takes the binary for %s where the program names its loader', async (taken) => {
    const files = ['glibc', 'musl'].map((name) => put(`prebuilds/linux-${process.arch}/freeze-state.${name}.node`));
    const named = join(folder, 'node');
    writeFileSync(named, programWith(loaders[taken]));
    const hook = join(folder, 'hook.cjs');
    writeFileSync(hook, `process.execPath = ${JSON.stringify(named)};`);
    expect(await load('--require', hook)).toEqual({ loaded: files.find((file) => file.includes(taken)) });
  });

  it('asks the report for no names from the DNS, and leaves its settings as they are', async () => {
    put(prebuild);
    const hook = join(folder, 'hook.cjs');
    writeFileSync(
      hook,
      `process.execPath = ${JSON.stringify(join(folder, 'no-program'))};
      const { report } = process;
      const { getReport } = report;
      const excluded = [report.excludeNetwork];
      report.getReport = (...args) => {
        excluded.push(report.excludeNetwork);
        return getReport.apply(report, args);
      };
      process.on('exit', () => console.error([...excluded, report.excludeNetwork].join(' ')));`,
    );
    const { code, stdout, stderr } = await run(process.execPath, ['--require', hook, '-e', `require('${folder}')`], {
      cwd: folder,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: 'false true false\n' });
  });

  it('lists no directory: it loads where a filter denies that', async () => {
    const file = put(prebuild);
    const denial = `deny=getdents64:${constants.errno.EPERM}`;
    expect(await loadUnder(launchProgram, denial, '--', process.execPath)).toEqual({ loaded: file });
  });

  it.each([local, `native/${local}`])('takes a local build before it: %s', async (path) => {
    put(prebuild);
    const file = put(path);
    expect(await load()).toEqual({ loaded: file });
  });

  it('takes the file that the user names before any other', async () => {
    put(local);
    const file = put('elsewhere/addon.node');
    vi.stubEnv('FREEZE_STATE_ADDON', 'elsewhere/addon.node');
    expect(await load()).toEqual({ loaded: file });
    vi.stubEnv('FREEZE_STATE_ADDON', 'nowhere.node');
    const { code, message } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(`The native binary ${join(folder, 'nowhere.node')} does not load`);
    // What is compiled would not be loaded while the variable is there.
    expect(message).toContain('\nFREEZE_STATE_ADDON names this file. Correct it, or unset it');
    expect(message).not.toContain('node-gyp');
  });

  it.each([
    { file: 'nothing', has: "Cannot find module '../prebuilds/index.js'" },
    {
      file: `prebuilds/linux-${process.arch}/freeze-state.${otherLibc}.node`,
      has: `It has those for linux-${process.arch}-${otherLibc}.`,
    },
    { file: `prebuilds/linux-riscv64/freeze-state.${libc}.node`, has: `It has those for linux-riscv64-${libc}.` },
    // prebuildify tags it so.
    { file: 'prebuilds/darwin-arm64/freeze-state.glibc.node', has: 'It has those for darwin-arm64.' },
  ])('names the platform, what there is and the commands to compile where there is $file', async ({ file, has }) => {
    if (file !== 'nothing') put(file);
    const { code, message, cause } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(`freeze-state has no native binary for ${target}. ${has}\n`);
    const sources = JSON.stringify(join(folder, 'native'));
    expect(message).toMatch(/compile it .*C\+\+20 compiler, make and Python 3.*:\n {2}npm install .*node-gyp/);
    expect(message).toContain(`\n  npx --prefix ${sources} node-gyp rebuild -C ${sources}`);
    expect(cause).toContain(has);
  });

  it('does not advise compiling if the code is not in the folder of its package', async () => {
    rmSync(join(folder, 'native'), { recursive: true });
    const { code, message } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain('docs/bundlers.md');
    expect(message).not.toContain('node-gyp');
  });

  it("takes no build from beside a bundle: what lies there may be anybody's", async () => {
    const dist = join(folder, 'dist');
    renameSync(join(dist, 'load.js'), join(dist, 'bundle.js'));
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.js'))) {
      const text = readFileSync(join(dist, file), 'utf8');
      writeFileSync(join(dist, file), text.replaceAll('/load")', '/bundle")'));
    }
    put(local);
    const { code, message } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain('it was bundled');
    const file = put(prebuild);
    expect(await load()).toEqual({ loaded: file });
  });

  it('takes the binary of an entry for one target, whatever was compiled', async () => {
    put(local);
    const file = put(prebuild);
    expect(await loadEntry(`dist/targets/${target}.js`, process.execPath)).toEqual({ loaded: file });
  });

  it('says which entry to take in place of one for another machine', async () => {
    writeFileSync(put('prebuilds/darwin-arm64/freeze-state.node'), 'x'.repeat(1000));
    const missing = await loadEntry('dist/targets/darwin-x64.js', process.execPath);
    expect(missing).toMatchObject({ code: 'ERR_FREEZE_NO_BINARY' });
    expect(missing.message).toContain('freeze-state has no native binary for darwin-x64. Cannot find module');
    const foreign = await loadEntry('dist/targets/darwin-arm64.js', process.execPath);
    expect(foreign).toMatchObject({ code: 'ERR_FREEZE_NO_BINARY' });
    expect(foreign.message).toMatch(
      /^The native binary for darwin-arm64 does not load on linux-.*: .*invalid ELF header/,
    );
    for (const { message } of [missing, foreign]) {
      expect(message).toContain("Import 'freeze-state': it loads the one for this machine.");
      expect(message).not.toContain('node-gyp');
    }
  });

  it('advises compiling, and then importing the package, if the binary of an entry for this machine does not load', async () => {
    truncateSync(put(prebuild), 40);
    const { code, message } = await loadEntry(`dist/targets/${target}.js`, process.execPath);
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain('node-gyp rebuild');
    expect(message).toContain(
      `\nThen import 'freeze-state': 'freeze-state/${target}' loads only the binary of the package.`,
    );
    expect(message).not.toContain('it loads the one for this machine');
  });

  it('does not wait for a worker that is blocked', async () => {
    put(prebuild);
    // It waits for the end of its input, and so for the end of this program.
    const program = `
      const worker = new (require('node:worker_threads').Worker)(
        "require('node:worker_threads').parentPort.postMessage('ready'); require('node:fs').readSync(0, Buffer.alloc(1))", { eval: true });
      worker.once('message', () => { require(${JSON.stringify(folder)}); console.log('loaded'); process.exit(); });`;
    const child = start(process.execPath, ['-e', program]);
    const [text] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
    expect(text.toString()).toBe('loaded\n');
  });

  it.each([0, 40])('says that the binary does not load that was cut to %i bytes', async (length) => {
    const file = put(prebuild);
    truncateSync(file, length);
    const { code, message } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(`The native binary for ${target} does not load on ${target}: ${file}: `);
    expect(message).toContain('node-gyp rebuild');
  });

  it('does not advise compiling if Node was told to load no addon', async () => {
    put(prebuild);
    const { code, message } = await load('--no-addons');
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain('was started with --no-addons');
    expect(message).not.toContain('node-gyp');
  });

  // node-loader of webpack puts its name before the error, and drops its code.
  const wrapper = `exports.addon = () => {
      try {
        process.dlopen(module, FILE);
      } catch (error) {
        throw new Error('node-loader:\\n' + error);
      }
      return module.exports;
    };`;

  it.each([
    { options: [], says: / does not load on linux-.*: \/.*file too short\n/ },
    { options: ['--no-addons'], says: /^freeze-state is a native addon, and this Node was started with --no-addons/ },
  ])('finds the reason in the words of node-loader, with $options', async ({ options, says }) => {
    const file = put(prebuild);
    truncateSync(file, 0);
    writeFileSync(join(folder, `prebuilds/${target}.js`), wrapper.replace('FILE', JSON.stringify(file)));
    const { code, message } = await load(...options);
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toMatch(says);
  });

  it.runIf(canMountNoexec)('says so where nothing may be executed in the file system of the binary', async () => {
    const file = put(prebuild);
    const elsewhere = join(folder, 'noexec');
    mkdirSync(elsewhere);
    const mounting = `mount -t tmpfs -o noexec none '${elsewhere}' && cp '${file}' '${elsewhere}/binary' &&
      mount --bind '${elsewhere}/binary' '${file}'`;
    const [command = '', ...words] = afterMounting(mounting);
    const { code, message, cause } = await loadUnder(command, ...words, process.execPath);
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toBe(
      `The native binary for ${target} does not load: ${cause}. Most probably its file system is mounted noexec: install the ` +
        'package on one from which programs may be executed.',
    );
  });

  it('says why a file does not load that is no binary', async () => {
    writeFileSync(put(prebuild), 'x'.repeat(1000));
    const { code, message, cause } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(cause);
    expect(cause).toContain('invalid ELF header');
  });
});
