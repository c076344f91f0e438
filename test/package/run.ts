import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const root = join(__dirname, '../..');

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** In milliseconds. */
  readonly timeout?: number;
}

/** Runs a program to its end, without input. It ends with the test at the latest. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, env = userEnvironment(), timeout = 150_000 }: RunOptions,
): Promise<Run> {
  return new Promise((resolve, reject) => {
    const options = { cwd, env, timeout, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 } as const;
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** The same, of a program that must succeed; gives what it printed. */
export async function output(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** The environment of a user's shell: without what npm and the test runner add for their children. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const added = /^(npm_|VITEST|TEST$|NODE_ENV$|NODE_OPTIONS$|NODE_PATH$|INIT_CWD$|JOBS$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name)));
}

/**
 * For a program that compiles the addon, and for its test. It only ends one that hangs: the compilation takes over a minute of
 * processor time, and was seen to take more than 600 s beside other work with a load of 16.
 */
export const compileTimeout = 1_800_000;

/** Where the shell would find the program. */
export function which(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
}
