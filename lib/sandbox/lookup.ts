import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where execvp(3) looks where there is no PATH; of glibc, and of musl a part. */
const defaultPath = '/bin:/usr/bin';

/**
 * The path by which execvp(3) executes the program in a child of that environment, directory and user: as it stands where it has
 * a slash. `undefined` where it would fail, or where it may.
 */
export function pathOf(
  program: string,
  { path = defaultPath, cwd, isOtherUser }: { path: string | undefined; cwd: string; isOtherUser: boolean },
): string | undefined {
  if (program === '') return undefined;
  const candidates = program.includes('/')
    ? [program]
    : path.split(':').map((directory) => `${directory === '' ? '.' : directory}/${program}`);
  return candidates.find((file) => isExecutable(resolve(cwd, file), isOtherUser));
}

function isExecutable(file: string, isOtherUser: boolean): boolean {
  try {
    // An error costs more than all the rest, and most directories of a PATH do not have it.
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return false;
    accessSync(file, constants.X_OK);
    // Whatever user it is.
    return !isOtherUser || (stat.mode & 0o111) === 0o111;
  } catch {
    return false;
  }
}
