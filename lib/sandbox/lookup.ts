import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where execvp(3) looks without a PATH: all that glibc has, and part of what musl has. */
const defaultPath = '/bin:/usr/bin';

/**
 * Whether execvp(3) finds a program to execute in a child with that environment, directory and user. False if it may fail.
 * execvp itself decides which one it takes.
 */
export function isFound(
  program: string,
  { path = defaultPath, cwd, isOtherUser }: { path: string | undefined; cwd: string; isOtherUser: boolean },
): boolean {
  if (program === '') return false;
  if (program.includes('/')) return isExecutable(resolve(cwd, program), isOtherUser);
  return path.split(':').some((directory) => isExecutable(resolve(cwd, directory, program), isOtherUser));
}

function isExecutable(file: string, isOtherUser: boolean): boolean {
  try {
    // An error costs more than all the rest, and most directories of a PATH do not have the program.
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile()) return false;
    accessSync(file, constants.X_OK);
    // Executable for any user.
    return !isOtherUser || (stat.mode & 0o111) === 0o111;
  } catch {
    return false;
  }
}
