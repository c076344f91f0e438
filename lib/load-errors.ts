import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { thisTarget } from './target';

/** What was to be loaded, for an error to name. */
export interface Attempt {
  /** The binary of the package for this target; absent if it is another file. */
  readonly target?: string;
  readonly file?: string;
  /** Whether the file is the one that `FREEZE_STATE_ADDON` names. */
  readonly isNamed?: boolean;
  /** Whether it was to be loaded by the entry of the package for this target alone. */
  readonly isOnly?: boolean;
  /** The folder of the package, where it is known. */
  readonly root: string | undefined;
}

/** Whether it is there, and may be read. The permission model of Node throws if it may not. */
export function exists(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

/** The package has no such binary. */
export function whyNotThere(attempt: Attempt, cause: unknown): Error {
  return failure(
    `freeze-state has no native binary for ${attempt.target}. ${reasonIn(cause)}\n${remedy(attempt)}`,
    cause,
  );
}

/** The system, or the JavaScript engine, refuses it. */
export function whyNotLoaded(attempt: Attempt, cause: unknown): Error {
  const binary = attempt.file ?? `for ${attempt.target}`;
  const reason = reasonIn(cause);
  // By the message, too: the error of a bundler's wrapper has no code.
  if ((cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED' || /loading addons is disabled/.test(reason))
    return failure(
      'freeze-state is a native addon, and this Node was started with --no-addons, or with --permission and without ' +
        '--allow-addons. Take that option away, or allow addons.',
      cause,
    );
  if (cause instanceof Error && cause.name === 'NotCapable')
    return failure(`freeze-state is a native addon, which Deno loads only with --allow-ffi: ${reason}.`, cause);
  // A binary that is compiled there would not load either. The C libraries say no more than this of it (mmap(2), EPERM).
  if (/failed to map segment|Operation not permitted/.test(reason))
    return failure(
      `The native binary ${binary} does not load: ${reason}. Most probably its file system is mounted noexec: install the ` +
        'package on one from which programs may be executed.',
      cause,
    );
  return failure(`The native binary ${binary} does not load on ${thisTarget()}: ${reason}\n${remedy(attempt)}`, cause);
}

function failure(message: string, cause: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: 'ERR_FREEZE_NO_BINARY' });
}

/** The first line of the message, without the prefix of webpack's node-loader. Node adds lines that say who required it. */
function reasonIn(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const [line = ''] = message.replace(/^node-loader:\n(Error: )?/, '').split('\n');
  return line;
}

/** What to do where there is no binary that works. */
function remedy({ target, isNamed = false, isOnly = false, root }: Attempt): string {
  if (isNamed) return 'FREEZE_STATE_ADDON names this file. Correct it, or unset it to load the binary of the package.';
  if (isOnly && target !== thisTarget())
    return `'freeze-state/${target}' loads only that binary. Import 'freeze-state': it loads the one for this machine.`;
  const sources = root && join(root, 'native');
  if (sources === undefined || !exists(join(sources, 'binding.gyp'))) return howToBundle;
  if (!isOnly) return howToCompile(sources);
  return `${howToCompile(sources)}\nThen import 'freeze-state': 'freeze-state/${target}' loads only the binary of the package.`;
}

/**
 * What to run; a test runs it. It installs beside the sources, and not where the package.json of the user is: whatever package
 * manager made that node_modules, npm does not touch it.
 */
const howToCompile = (sources: string): string =>
  'To compile it (this needs a C++20 compiler, make and Python 3), run:\n' +
  `  npm install --no-save --prefix ${JSON.stringify(sources)} node-gyp@12 node-addon-api@8\n` +
  `  npx --prefix ${JSON.stringify(sources)} node-gyp rebuild -C ${JSON.stringify(sources)}`;

const howToBundle =
  'This code is not in the folder of its package: it was bundled. Leave freeze-state out of the bundle, as an external ' +
  'package that is installed beside it; or put the files of its prebuilds folder beside the bundle. docs/bundlers.md of the package ' +
  'says how with each bundler.';
