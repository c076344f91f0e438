// node scripts/cross/prebuild-all.mjs [TARGET]...: compiles the binaries for these targets, or for all, into prebuilds/, with
// the names that prebuildify gives them, and lists all that are there. Fails where one that it has made has a fault that
// check-binaries.mjs finds. On Linux x64 alone, for which this Zig is. In a fresh clone it installs the package's dependencies
// first, two of which are the headers.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { root } from '../node-gyp.mjs';

// What is made with which target of Zig, and from which file of the build. Node 20 itself needs glibc 2.28. The programs
// beside the addon are static, so those with musl inside serve every libc.
const addon = (file) => ({ addon: ['freeze_state.node', file] });
const programs = (folder) => ({
  guardian: ['freeze-state-guardian', `${folder}/freeze-state-guardian`],
  joiner: ['freeze-state-joiner', `${folder}/freeze-state-joiner`],
});
const targets = {
  'linux-x64-glibc': { zig: 'x86_64-linux-gnu.2.28', makes: addon('linux-x64/freeze-state.glibc.node') },
  'linux-x64-musl': {
    zig: 'x86_64-linux-musl',
    makes: { ...addon('linux-x64/freeze-state.musl.node'), ...programs('linux-x64') },
  },
  'linux-arm64-glibc': { zig: 'aarch64-linux-gnu.2.28', makes: addon('linux-arm64/freeze-state.glibc.node') },
  'linux-arm64-musl': {
    zig: 'aarch64-linux-musl',
    makes: { ...addon('linux-arm64/freeze-state.musl.node'), ...programs('linux-arm64') },
  },
  // As MACOSX_DEPLOYMENT_TARGET in native/binding.gyp. There are no programs for macOS.
  'darwin-x64': { zig: 'x86_64-macos.11.0', makes: addon('darwin-x64/freeze-state.node') },
  'darwin-arm64': { zig: 'aarch64-macos.11.0', makes: addon('darwin-arm64/freeze-state.node') },
};

const cache = join(root, '.cache', 'zig');
const caches = { ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache };

const named = process.argv.slice(2);
const unknown = named.filter((name) => !(name in targets));
if (unknown.length > 0) {
  console.error(`There is no target ${unknown.join(', ')}. Those are: ${Object.keys(targets).join(', ')}.`);
  process.exit(2);
}

/** Runs a program without its output, but for what it complains of. */
function run(program, args, environment = process.env) {
  try {
    execFileSync(program, args, { cwd: root, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    console.error(
      error.code === 'ENOENT'
        ? `There is no ${program} on the PATH. Debian has it: apt-get install ${program}`
        : error.message,
    );
    process.exit(1);
  }
}

const headers = ['node-addon-api/napi.h', 'node-api-headers/include/node_api.h'];
if (!headers.every((file) => existsSync(join(root, 'node_modules', file))))
  run('npm', ['ci', '--no-audit', '--no-fund']);

const made = [];
for (const name of named.length > 0 ? named : Object.keys(targets)) {
  const target = targets[name];
  const build = join(root, 'build-cross', name);
  const cmake = (...args) => {
    // The compiler is the toolchain's, which has a cache of its own.
    const { CMAKE_CXX_COMPILER_LAUNCHER: _, ...env } = { ...caches, ...process.env };
    run('cmake', args, { ...env, FREEZE_STATE_ZIG_TARGET: target.zig });
  };
  // The flags of the toolchain are read where there is no cache yet. What was compiled with the same ones is kept.
  rmSync(join(build, 'CMakeCache.txt'), { force: true });
  cmake(
    '-S',
    root,
    '-B',
    build,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_TOOLCHAIN_FILE=${join(import.meta.dirname, 'zig.cmake')}`,
  );
  cmake('--build', build, '--parallel', `${availableParallelism()}`, '--target', ...Object.keys(target.makes));
  for (const [built, file] of Object.values(target.makes)) {
    const path = join(root, 'prebuilds', file);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(build, built), path);
    console.log(relative(root, path));
    made.push(file);
  }
}
execFileSync(process.execPath, [join(root, 'scripts', 'list-prebuilds.mjs')]);

try {
  execFileSync(process.execPath, [join(root, 'scripts', 'check-binaries.mjs'), root, ...made], { stdio: 'inherit' });
} catch (error) {
  process.exitCode = error.status ?? 1;
}
