import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import nodeGypBuild = require('node-gyp-build');

const packageRoot = join(__dirname, '..');
const sources = join(packageRoot, 'native');

/**
 * What to run where there is no binary that works; a test runs it. It installs beside the sources, and not where the
 * package.json of the user is: whatever package manager made that node_modules, npm does not touch it.
 */
const howToCompile =
  'To compile it (this needs a C++20 compiler, make and Python 3), run:\n' +
  `  npm install --no-save --prefix ${JSON.stringify(sources)} node-gyp@12 node-addon-api@8\n` +
  `  npx --prefix ${JSON.stringify(sources)} node-gyp rebuild -C ${JSON.stringify(sources)}`;

/** Where these commands put the binary. */
const compiled = join(sources, 'build', 'Release', 'freeze_state.node');

/** This machine, as the names of the files in prebuilds/ spell it. */
function describePlatform(): string {
  const platform = `platform ${process.platform}, architecture ${process.arch}`;
  if (process.platform !== 'linux') return platform;
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return `${platform}, libc ${report.header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'}`;
}

function loadError(message: string, cause: unknown): Error {
  const error: NodeJS.ErrnoException = new Error(`${message}\n${howToCompile}`, { cause });
  error.code = 'ERR_FREEZE_NO_BINARY';
  return error;
}

/** Node was told to load no addon; there is nothing to compile. */
function disabledError(cause: unknown): Error {
  const message =
    'freeze-state is a native addon, and this Node was started with --no-addons, or with --permission and without --allow-addons. ' +
    'Take that option away, or allow addons.';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_FREEZE_NO_BINARY' });
}

/** Nothing that is compiled there would load either. The C libraries have no better words for it (mmap(2), EPERM). */
function noexecError(file: string, cause: Error): Error {
  const message =
    `The native binary ${file} does not load: ${cause.message}. Most probably its file system is mounted noexec: install the ` +
    'package on one from which programs may be executed.';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_FREEZE_NO_BINARY' });
}

/** Where the package has its binaries. */
const prebuilds = join(packageRoot, 'prebuilds');

/** Why they cannot be listed, though they may be there; node-gyp-build takes such a directory for one that is not. */
function whyUnlisted(): Error | undefined {
  try {
    readdirSync(prebuilds);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : (error as Error);
  }
}

/** What is compiled would not be found either. */
function unlistedError(cause: Error): Error {
  const message =
    `The native binary is not found, since ${prebuilds} cannot be listed: ${cause.message}. Let this process read that ` +
    'directory. Where its rights are right, a seccomp filter or a security module denies getdents64(2), which a freeze needs too.';
  return Object.assign(new Error(message, { cause }), { code: 'ERR_FREEZE_NO_BINARY' });
}

/** The file to load: a local build first, then prebuilds/<platform>-<architecture>, by libc. */
function locate(): string {
  if (existsSync(compiled)) return compiled;
  try {
    return nodeGypBuild.resolve(packageRoot);
  } catch (cause) {
    const unlisted = whyUnlisted();
    if (unlisted !== undefined) throw unlistedError(unlisted);
    throw loadError(`freeze-state has no native binary for ${describePlatform()}.`, cause);
  }
}

/** Finds and loads the addon; native.ts says what is in it. `guardian`, `joiner`: the files of the programs beside it. */
export function load(): { addon: unknown; guardian: string; joiner: string } {
  const file = locate();
  try {
    const beside = (name: string) => join(dirname(file), name);
    return { addon: require(file), guardian: beside('freeze-state-guardian'), joiner: beside('freeze-state-joiner') };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED') throw disabledError(cause);
    if (/failed to map segment|Operation not permitted/.test(reason)) throw noexecError(file, cause as Error);
    throw loadError(`The native binary ${file} does not load on ${describePlatform()}: ${reason}`, cause);
  }
}
