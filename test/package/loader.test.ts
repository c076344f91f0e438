import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterMounting, canMountNoexec } from '../helpers/namespaces';
import { launchProgram } from '../helpers/programs';
import { libc, prebuild } from './libc';
import { output, root } from './run';

const local = 'build/Release/freeze_state.node';

// The package as it lies in node_modules, without a binary.
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'freeze-state-loader-'));
  for (const part of ['package.json', 'dist']) cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(root, 'node_modules', 'node-gyp-build'), join(folder, 'node_modules', 'node-gyp-build'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(file: string): string {
  const path = join(folder, file);
  cpSync(join(root, local), path);
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
async function loadUnder(command: string, ...options: string[]): Promise<Loading> {
  const program = `
    try {
      require(${JSON.stringify(folder)});
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

  it('says so where a filter denies what lists the directory, and not that it is to be compiled', async () => {
    put(prebuild);
    const denial = `deny=getdents64:${constants.errno.EPERM}`;
    const { code, message, cause } = await loadUnder(launchProgram, denial, '--', process.execPath);
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(`${join(folder, 'prebuilds')} cannot be listed: EPERM`);
    expect(message).toContain('getdents64(2)');
    expect(message).not.toContain('compile');
    expect(cause).toContain('scandir');
  });

  it.each([local, `native/${local}`])('takes a local build before it: %s', async (path) => {
    put(prebuild);
    const file = put(path);
    expect(await load()).toEqual({ loaded: file });
  });

  it.each([
    'nothing',
    `prebuilds/${process.platform}-${process.arch}/freeze-state.${libc === 'glibc' ? 'musl' : 'glibc'}.node`,
    `prebuilds/${process.platform}-${process.arch === 'arm64' ? 'x64' : 'arm64'}/freeze-state.${libc}.node`,
    `prebuilds/freebsd-${process.arch}/freeze-state.node`,
  ])('names platform, architecture, libc and the commands to compile where there is %s', async (file) => {
    if (file !== 'nothing') put(file);
    const { code, message, cause } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    const here = `platform ${process.platform}, architecture ${process.arch}, libc ${libc}`;
    expect(message).toContain(`freeze-state has no native binary for ${here}.`);
    const sources = JSON.stringify(join(folder, 'native'));
    expect(message).toMatch(/compile it .*C\+\+20 compiler, make and Python 3.*:\n {2}npm install .*node-gyp/);
    expect(message).toContain(`\n  npx --prefix ${sources} node-gyp rebuild -C ${sources}`);
    expect(cause).toContain('No native build was found');
  });

  it.each([0, 40])('says that the binary does not load that was cut to %i bytes', async (length) => {
    const file = put(prebuild);
    truncateSync(file, length);
    const { code, message } = await load();
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain(`The native binary ${file} does not load on platform ${process.platform}`);
    expect(message).toContain('node-gyp rebuild');
  });

  it('does not tell to compile where Node was told to load no addon', async () => {
    put(prebuild);
    const { code, message } = await load('--no-addons');
    expect(code).toBe('ERR_FREEZE_NO_BINARY');
    expect(message).toContain('was started with --no-addons');
    expect(message).not.toContain('node-gyp');
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
      `The native binary ${file} does not load: ${cause}. Most probably its file system is mounted noexec: install the ` +
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
