// Runs node-gyp for compile.mjs and prebuild.mjs: with headers that are on this machine, and with a reason where it fails.
import { spawn } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const root = join(import.meta.dirname, '..');
const modules = join(root, 'node_modules');

/**
 * The folder for node-gyp's `nodedir`. Any headers will do, for the addon uses nothing but Node-API. Undefined where there
 * are none: node-gyp then downloads them.
 *
 * @returns {string | undefined}
 */
function nodeDir() {
  const { npm_config_nodedir: configured } = process.env;
  if (configured) return configured;
  const prefix = dirname(dirname(process.execPath));
  const beside = ['node_api.h', 'common.gypi'].map((name) => join(prefix, 'include', 'node', name));
  if (beside.every((file) => existsSync(file))) return prefix;
  // Elsewhere common.gypi says more than ours does.
  if (process.platform !== 'linux') return undefined;
  const made = join(root, 'build-headers');
  const include = join(made, 'include', 'node');
  cpSync(join(modules, 'node-api-headers', 'include'), include, { recursive: true, preserveTimestamps: true });
  cpSync(join(import.meta.dirname, 'headers', 'common.gypi'), join(include, 'common.gypi'), {
    preserveTimestamps: true,
  });
  return made;
}

/** What node-gyp and make print when something is missing, with what that means ($: the group of it) and what to do. */
const failures = [
  {
    printed: /Could not find any Python installation/,
    reason: 'There is no Python 3 on the PATH.',
    remedy: 'Install it (Debian: apt-get install python3), or set PYTHON to its path.',
  },
  {
    printed: /not found: g?make\b/,
    reason: 'There is no make on the PATH.',
    remedy: 'Install it (Debian: apt-get install build-essential).',
  },
  {
    printed: /^make: (\S+): (?:No such file or directory|Permission denied)$|sh: (?:\d+: )?(\S+): not found$/m,
    reason: 'There is no $ on the PATH, which compiles C++.',
    remedy: 'Install g++ 11 or clang 14, or later (Debian: apt-get install build-essential), or set CXX to one.',
  },
  {
    printed: /(?:unrecognized|unknown|invalid).*-?std=c\+\+20/,
    reason: 'The C++ compiler does not know C++20.',
    remedy: 'Install g++ 11 or clang 14, or later, or set CXX to one.',
  },
  {
    printed: /Cannot find module/,
    reason: 'A package that the compilation needs is not installed.',
    remedy: 'Run: npm ci',
  },
  {
    printed: /node_api\.h: No such file|'node_api\.h' file not found|common\.gypi not found/,
    reason: 'The folder of npm_config_nodedir (in .npmrc: nodedir) has no headers of Node.',
    remedy: 'Take that setting away, or let it name the folder that has include/node/node_api.h.',
  },
  {
    printed: /^gyp ERR! .*(?:ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|fetch failed|response downloading)/m,
    reason: 'There are no headers of Node on this machine, and they could not be downloaded.',
    remedy: 'Set npm_config_nodedir to a folder that has include/node/node_api.h.',
  },
];

/** @param {string} printed */
function explanation(printed) {
  for (const failure of failures) {
    const [seen, ...names] = failure.printed.exec(printed) ?? [];
    if (seen === undefined) continue;
    return `${failure.reason.replace('$', names.find(Boolean) ?? '')}\n${failure.remedy}`;
  }
  return 'What went wrong is above. CONTRIBUTING.md says what has to be installed.';
}

/**
 * Runs a program of node_modules that is, or starts, node-gyp. Errors and the compiler's warnings are shown, as they come;
 * where it fails, the reason is the last thing that is printed, and this process will exit with 1.
 *
 * @param {string} program its file, from node_modules
 * @param {readonly string[]} args
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function runNodeGyp(program, args) {
  let printed = '';
  let code = 1;
  if (['node-gyp', 'node-addon-api', 'node-api-headers'].every((name) => existsSync(join(modules, name)))) {
    // npm's --silent would silence node-gyp too. The patterns are English.
    const env = { ...process.env, npm_config_loglevel: 'error', LC_ALL: 'C', JOBS: process.env.JOBS ?? 'max' };
    const directory = nodeDir();
    if (directory !== undefined) env.npm_config_nodedir = directory;
    const child = spawn(process.execPath, [join(modules, program), ...args], {
      cwd: root,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      printed += text;
      process.stderr.write(text);
    });
    code = await new Promise((resolve) => child.on('close', resolve));
  } else {
    printed = 'Cannot find module';
  }
  if (code === 0) return true;
  console.error(`\nThe native addon was not compiled.\n${explanation(printed)}`);
  process.exitCode = 1;
  return false;
}
