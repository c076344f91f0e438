import { isFound } from './lookup';

/** How `spawn` or `fork` is called so that it starts the joiner, and what it would have started. */
export interface JoinerCall {
  /** For `spawn` and `fork` of Node. */
  readonly given: unknown[];
  /** As whom the child executes the joiner. */
  readonly user: string;
  /** As Node would show it: `spawnfile`, and the first of `spawnargs`. */
  readonly file: string;
  readonly argv0: string;
  /** How many descriptors the user's `stdio` has; ours are behind them. */
  readonly count: number;
}

type Options = Readonly<Record<string, unknown>>;

/**
 * Rewrites the call, as `sandboxed` gives it, for the joiner; native/joiner/main.cpp says what the joiner is told. Its orders are
 * in argv[0], so that the arguments are the program's, whatever Node makes of them. `undefined` if Node is to be called with the
 * call as it is: because Node would refuse the arguments, or could not execute the program and reports that by its own error.
 *
 * @param procs a descriptor of the group's cgroup.procs.
 * @param reports the end to write to of the pipe for reports.
 * @param number by which the child is told apart there.
 */
export function callOfJoiner(
  given: readonly unknown[],
  {
    joiner,
    procs,
    reports,
    number,
    isFork,
  }: { joiner: string; procs: number; reports: number; number: number; isFork: boolean },
): JoinerCall | undefined {
  const hasArgs = given[1] === undefined || given[1] === null || Array.isArray(given[1]);
  const options = (hasArgs ? given[2] : given[1]) as Options;
  const args = hasArgs ? (given[1] ?? []) : [];
  if (typeof options !== 'object' || options === null || !Array.isArray(args)) return undefined;
  const [first] = given;
  const stdio = stdioOf(options, isFork);
  const shell = isFork ? undefined : options['shell'];
  if (shell && (typeof first !== 'string' || first === '')) return undefined;
  const named = isFork ? options['execPath'] || process.execPath : first;
  const file = shell ? (shell === true ? '/bin/sh' : shell) : named;
  const { argv0 = file } = options;
  if (typeof file !== 'string' || typeof argv0 !== 'string' || stdio === undefined) return undefined;
  if (!canBeExecuted(file, options)) return undefined;
  const count = stdio.length;
  const names = argv0 === file ? `0 ${file}` : `${Buffer.byteLength(file)} ${file} ${argv0}`;
  const orders = `freeze-state-joiner ${count} ${count + 1} ${number} ${names}`;
  const all = [...stdio, procs, reports];
  const words = shell ? ['-c', [first, ...args].join(' ')] : args;
  const call = isFork
    ? [first, words, { ...options, stdio: all, argv0: orders, execPath: joiner }]
    : [joiner, words, { ...options, stdio: all, argv0: orders, shell: false }];
  return { given: call, user: `${options['uid']} ${options['gid']}`, file, argv0, count };
}

function canBeExecuted(file: string, options: Options): boolean {
  try {
    return isFound(file, options);
  } catch {
    // For example, there is no such directory.
    return false;
  }
}

/** As an array, as Node makes one of it. */
function stdioOf({ stdio, silent }: Options, isFork: boolean): unknown[] | undefined {
  if (Array.isArray(stdio)) return [...stdio, undefined, undefined, undefined].slice(0, Math.max(3, stdio.length));
  const word = stdio || (isFork && !silent ? 'inherit' : 'pipe');
  if (typeof word !== 'string') return undefined;
  return isFork ? [word, word, word, 'ipc'] : [word, word, word];
}
