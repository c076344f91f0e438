import { FreezeMode } from '../api';
import { invalidValue } from '../arguments';
import { tagName } from './process-table';

/**
 * The arguments of `spawn` or `fork`, with what the sandbox needs in their options. Options that are no object are left as they
 * are: Node refuses them, with its own error.
 *
 * @param tag is added to the child's environment.
 */
export function sandboxed(given: unknown[], mode: FreezeMode, tag: string): unknown[] {
  // The arguments of the program in between may be left out.
  const at = isObject(given[1]) && !Array.isArray(given[1]) ? 1 : 2;
  const options = given[at] ?? {};
  if (!isObject(options)) return given;
  checkMode(options, mode);
  const env = tagged(options['env'], tag);
  const all = [...given];
  if (at > all.length) all.length = at;
  all[at] = mode === FreezeMode.ProcessGroup ? { ...options, detached: true, env } : { ...options, env };
  return all;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function checkMode({ shell, detached }: Record<string, unknown>, mode: FreezeMode): void {
  if (mode === FreezeMode.Process && shell) {
    throw invalidValue(
      "options.shell is set, and in mode 'process' a freeze stops the shell and not what it starts; start the program " +
        "itself, or take mode 'process-tree' or 'cgroup'.",
    );
  }
  if (mode === FreezeMode.ProcessGroup && detached !== undefined && detached !== true) {
    throw invalidValue(
      "options.detached is false, and in mode 'process-group' each child leads a group of its own; leave it out, or take " +
        "mode 'process-tree' or 'cgroup'.",
    );
  }
}

/** The tag of a sandbox that this process is in itself, which has started it. */
const outerTag = process.env[tagName];

/** The tag of this sandbox is added to that of a sandbox that this process is in itself, so that both find the child. */
function tagged(given: unknown, tag: string): unknown {
  const env = given || process.env;
  if (!isObject(env)) return env;
  // Node takes inherited variables too. Copying our own environment would take longer than all the rest here.
  const isOurs = env === process.env;
  const all: Record<string, unknown> = isOurs ? Object.create(env) : {};
  if (!isOurs) for (const name in env) all[name] = env[name];
  const outer = isOurs ? outerTag : env[tagName];
  const value = typeof outer === 'string' ? `${outer} ${tag}` : tag;
  // Not by assignment: the environment that it inherits from has a setter.
  return Object.defineProperty(all, tagName, { value, enumerable: true });
}
