// node scripts/check-layers.mjs [FOLDER]: checks the includes of native/ and the imports of lib/ against the layers that
// docs/architecture.md draws, and prints each breach. Fails where there is one.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';

const root = process.argv[2] ?? '.';

/** From the bottom to the top: a file may include what is in its own layer and in those below. */
const layers = ['native/core', 'native/core/os', 'native/core/modes', 'native/core/state', 'native/binding'];
/** Beside state/: it picks the modes of a system, and only the binding asks it. */
const factory = 'native/core/platform';

/** Folders of one system: what is in them is included from the same system and by the factory. POSIX is below Linux and macOS. */
const systems = {};
for (const name of ['posix', 'windows']) systems[`native/core/os/${name}`] = [`native/core/os/${name}`];
for (const name of ['linux', 'darwin'])
  systems[`native/core/os/${name}`] = [`native/core/os/${name}`, 'native/core/os/posix'];

/** cgroups are Linux's alone, and so is the mode that is made of them. */
const cgroupMode = 'native/core/modes/cgroup';

/** What the state knows of the modes: their interface, and the members that it owns. */
const interfaceOfModes = ['freezer', 'member_list', 'member'].map((name) => `native/core/modes/${name}.h`);

/** A program of its own, which shares no code with the addon but the layout of what both read. */
const guardian = 'native/guardian';
const layout = 'native/core/os/linux/ledger_layout.h';
/** Another, which shares nothing. */
const joiner = 'native/joiner';

/** What each folder of lib/ may import from lib/ itself; of the mechanism, its public interface. */
const imports = {
  'lib/sandbox': ['api', 'arguments', 'clock', 'joiner', 'load-here', 'proc-stat', 'roll-backs', 'show'],
  'lib/doctor': ['index', 'show'],
  'lib/targets': ['api', 'load'],
};

/** What loads the addon. */
const loaders = new Set(['lib/load.ts', 'lib/load-here.ts']);

/** What a program of the user imports: it loads the addon, and then the rest. */
const entry = /^lib\/(sandbox\/index|index|targets\/[a-z0-9-]+)\.ts$/;

const standard = new Set(
  (
    'algorithm array atomic bit cerrno charconv chrono climits cmath condition_variable cstddef cstdint cstdio cstdlib ' +
    'cstring ctime filesystem functional iterator limits map memory mutex optional random ranges set span sstream string ' +
    'string_view system_error thread tuple unordered_map unordered_set utility variant vector'
  ).split(' '),
);
/** Of POSIX, of what the core needs of it: a header of Linux would keep the sources of other systems from compiling. */
const posix = new Set(
  (
    'csignal dirent.h dlfcn.h fcntl.h poll.h pthread.h sched.h signal.h spawn.h sys/mman.h sys/resource.h sys/stat.h ' +
    'sys/types.h sys/wait.h time.h unistd.h'
  ).split(' '),
);
const node = /^(napi|node_api|js_native_api|node|uv|v8)(\.h|-|\/|config)/;

const isIn = (file, folder) => file.startsWith(`${folder}/`);

function layerOf(file) {
  if (isIn(file, factory)) return layers.indexOf('native/core/state');
  return layers.findLastIndex((layer) => isIn(file, layer));
}

/** @returns {string | undefined} what is wrong with it */
function breachOfInclude(file, included) {
  if (isIn(file, guardian))
    return isIn(included, guardian) || included === layout ? undefined : `the guardian knows no ${included}`;
  if (isIn(file, joiner)) return isIn(included, joiner) ? undefined : `the joiner knows no ${included}`;
  if (layerOf(included) > layerOf(file)) return `reaches up to ${included}`;
  if (isIn(included, factory) && !isIn(file, factory) && !isIn(file, 'native/binding'))
    return `only the binding asks the factory (${factory})`;
  if (isIn(file, factory) && isIn(included, 'native/core/state')) return `the factory knows no state: ${included}`;
  if (isIn(included, cgroupMode) && !isIn(file, cgroupMode) && !isIn(file, factory))
    return `only the factory knows ${included}`;
  if (isIn(file, 'native/core/state') && isIn(included, 'native/core/modes') && !interfaceOfModes.includes(included))
    return `a state knows no mode: ${included}`;
  const system = Object.keys(systems).find((folder) => isIn(included, folder));
  if (system === undefined || isIn(file, factory)) return undefined;
  const own = Object.keys(systems).find((folder) => isIn(file, folder));
  return systems[own]?.includes(system) ? undefined : `is not of one system, and includes ${included}`;
}

/** @returns {string | undefined} */
function breachOfSystemHeader(file, header) {
  if (isIn(file, 'native/core') && node.test(header)) return `the core knows no Node: <${header}>`;
  if (isIn(file, 'native/core/os/posix') && !standard.has(header) && !posix.has(header))
    return `<${header}> is no header of POSIX`;
  const isSystemFile = Object.keys(systems).some((folder) => isIn(file, folder));
  if (!isIn(file, 'native/core') || standard.has(header) || isSystemFile) return undefined;
  return `only a folder of native/core/os may include <${header}>`;
}

/** Whether it is a file of this repository, or is said to be: one that is not there is a mistake for the compiler to tell. */
function isOurs(quoted, included) {
  return quoted.startsWith('../') || existsSync(join(root, included));
}

function* filesIn(folder, pattern) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    const file = relative(root, join(entry.parentPath, entry.name));
    if (entry.isFile() && pattern.test(file)) yield file;
  }
}

const breaches = [];
const source = /\.(h|hpp|inl|c|cc|cpp|cxx)$/;
for (const file of ['native/core', 'native/binding', guardian, joiner].flatMap((folder) => [
  ...filesIn(folder, source),
])) {
  for (const [, quoted, angled] of readFileSync(join(root, file), 'utf8').matchAll(
    /^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)/gm,
  )) {
    const included = quoted && normalize(join(dirname(file), quoted));
    // A quoted name of no file is looked for among the system's headers.
    const breach =
      included !== undefined && isOurs(quoted, included)
        ? breachOfInclude(file, included)
        : breachOfSystemHeader(file, quoted ?? angled);
    if (breach !== undefined) breaches.push(`${file}: ${breach}`);
  }
}
for (const file of filesIn('lib', /\.m?ts$/)) {
  const text = readFileSync(join(root, file), 'utf8');
  if (!loaders.has(file) && /\.node['"]|process\.dlopen|createRequire/.test(text))
    breaches.push(`${file}: only lib/load.ts loads the addon`);
  const isLoading = /['"]\.{1,2}\/(?:.*\/)?load(-here)?(\.js)?['"]/.test(text);
  if (isLoading && file !== join('lib', 'native.ts') && !loaders.has(file) && !entry.test(file))
    breaches.push(`${file}: only lib/native.ts and the entries of the package import lib/load.ts`);
  const folder = dirname(file);
  for (const [, imported] of text.matchAll(/\b(?:from|import|require\()\s*\(?['"](\.{1,2}\/[^'"]+)['"]/g)) {
    const path = normalize(join(folder, imported)).replace(/\.m?js$/, '');
    if (folder === 'lib' && Object.keys(imports).some((upper) => path === upper || isIn(path, upper)))
      breaches.push(`${file}: what a folder holds is built on this one, and it imports ${path}`);
    if (folder in imports && dirname(path) === 'lib' && !imports[folder].includes(basename(path)))
      breaches.push(`${file}: ${folder} knows the package by its interface, and imports ${path}`);
  }
}
for (const breach of breaches) console.error(breach);
if (breaches.length > 0) process.exitCode = 1;
