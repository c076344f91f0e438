import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mayExecute } from '../joiner';

/** Where execvp(3) looks without a PATH: all that glibc has, and part of what musl has. */
const defaultPath = '/bin:/usr/bin';

/** Options of a spawn. */
type Place = Readonly<Partial<Record<'env' | 'cwd' | 'uid' | 'gid', unknown>>>;

/**
 * Whether execvp(3) finds a program to execute in a child with that environment, directory and user. False if it may fail.
 * execvp itself decides which one it takes. Reads PATH and the directory only where they matter, since each spawn calls this.
 */
export function isFound(program: string, { env, cwd, uid, gid }: Place): boolean {
  const isOtherUser = uid !== undefined || gid !== undefined;
  if (program.startsWith('/')) return mayExecute(program, isOtherUser);
  if (program === '') return false;
  const directory = cwd instanceof URL ? fileURLToPath(cwd) : (cwd ?? process.cwd());
  if (typeof directory !== 'string') return false;
  if (program.includes('/')) return mayExecute(resolve(directory, program), isOtherUser);
  if (typeof env !== 'object' || env === null) return false;
  const { PATH: path = defaultPath } = env as NodeJS.ProcessEnv;
  return String(path)
    .split(':')
    .some((folder) =>
      mayExecute(folder.startsWith('/') ? `${folder}/${program}` : resolve(directory, folder, program), isOtherUser),
    );
}
