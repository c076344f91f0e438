import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { output, type Run, run, userEnvironment, which } from './run';
import { copySource } from './source';

// What is printed in a clone of the repository where something that compiling needs is missing. What `npm run compile:native`
// prints is printed by `compile`, which runs it, and by `demo`, which runs that: one test each, since npm takes longest.

// npm, Node, Python and make one after another: where both processors have other work, that is half a minute.
vi.setConfig({ testTimeout: 150_000 });

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-compile-')));
const source = join(folder, 'source');
const bin = join(folder, 'bin');
let python: string;

beforeAll(async () => {
  copySource(source);
  // What is on the PATH may be a script that needs all of the PATH.
  python = (await output('python3', ['-c', 'import sys; print(sys.executable)'], { cwd: folder })).trim();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(bin, { recursive: true, force: true });
  rmSync(join(source, 'build'), { recursive: true, force: true });
  mkdirSync(bin);
});

/** Runs an npm script where no other programs are on the PATH than these and what npm and a makefile use. */
function npmRun(script: string, programs: Record<string, string>, environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const basic = ['npm', 'sh', 'printf', 'mkdir', 'touch', 'cp', 'ln', 'rm', 'echo', 'env'];
  symlinkSync(process.execPath, join(bin, 'node'));
  for (const name of basic) symlinkSync(realpathSync(programOf(name)), join(bin, name));
  for (const [name, file] of Object.entries(programs)) symlinkSync(file, join(bin, name));
  const env = {
    ...userEnvironment(),
    PYTHON: undefined,
    CC: undefined,
    CXX: undefined,
    MAKE: undefined,
    PATH: bin,
    ...environment,
  };
  return run(join(bin, 'npm'), ['run', '--silent', script], { cwd: source, env });
}

function writeProgram(file: string, commands: string): void {
  writeFileSync(file, `#!/bin/sh\n${commands}\n`, { mode: 0o755 });
}

function programOf(name: string): string {
  const file = which(name);
  if (file === undefined) throw new Error(`There is no ${name} on the PATH.`);
  return file;
}

/** That it failed, and with these as the last words. */
function expectFailure({ code, stderr }: Run, ...lastLines: string[]): void {
  expect(code).not.toBe(0);
  expect(stderr.trimEnd().split('\n').slice(-lastLines.length)).toEqual(lastLines);
}

const failed = 'The native addon was not compiled.';

it('npm run demo says that there is no Python', async () => {
  expectFailure(
    await npmRun('demo', {}),
    failed,
    'There is no Python 3 on the PATH.',
    'Install it (Debian: apt-get install python3), or set PYTHON to its path.',
  );
});

it('npm run compile says that there is no make', async () => {
  expectFailure(
    await npmRun('compile', { python3: python }),
    failed,
    'There is no make on the PATH.',
    'Install it (Debian: apt-get install build-essential).',
  );
});

it('npm run compile:native says that there is no compiler', async () => {
  expectFailure(
    await npmRun('compile:native', { python3: python, make: programOf('make') }),
    failed,
    'There is no g++ on the PATH, which compiles C++.',
    'Install g++ 11 or clang 14, or later (Debian: apt-get install build-essential), or set CXX to one.',
  );
});

it('npm run compile:native says that the compiler is too old', async () => {
  const old = join(folder, 'old-compiler');
  const words = "g++: error: unrecognized command-line option '-std=c++20'; did you mean '-std=c++2a'?";
  writeProgram(old, `printf '%s\\n' "${words}" >&2; exit 1`);
  expectFailure(
    await npmRun('compile:native', { python3: python, make: programOf('make'), 'g++': old }),
    failed,
    'The C++ compiler does not know C++20.',
    'Install g++ 11 or clang 14, or later, or set CXX to one.',
  );
});

it.each([
  [
    'npm run compile:native says that the headers could not be downloaded',
    'gyp ERR! stack FetchError: request to https://nodejs.org/ failed, reason: getaddrinfo ENOTFOUND nodejs.org',
    [
      'There are no headers of Node on this machine, and they could not be downloaded.',
      'Set npm_config_nodedir to a folder that has include/node/node_api.h.',
    ],
  ],
  [
    'npm run compile:native does not take a failure for one of the network by the name of a file',
    "make: *** No rule to make target '/srv/network/ECONNREFUSED.h'.  Stop.",
    ['What went wrong is above. CONTRIBUTING.md says what has to be installed.'],
  ],
])('%s', async (_, printed, lastLines) => {
  const make = join(folder, 'failing-make');
  writeProgram(make, `printf '%s\\n' "${printed}" >&2; exit 1`);
  const programs = { python3: python, make, 'g++': programOf('g++') };
  expectFailure(await npmRun('compile:native', programs), failed, ...lastLines);
});

it('npm run compile:native says that the folder which was named has no headers', async () => {
  const { code, stderr } = await npmRun(
    'compile:native',
    { python3: python, make: programOf('make') },
    { npm_config_nodedir: join(folder, 'nothing') },
  );
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/\n.*npm_config_nodedir .* has no headers of Node\.\nTake that setting away, .*\n$/);
});

it('npm run compile:native says that the packages are not installed', async () => {
  rmSync(join(source, 'node_modules'));
  const result = await npmRun('compile:native', {});
  expectFailure(result, failed, 'A package that the compilation needs is not installed.', 'Run: npm ci');
});
