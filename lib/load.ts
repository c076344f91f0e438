import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type Attempt, exists, whyNotLoaded, whyNotThere } from './load-errors';

/**
 * A binary of the package, as the modules in prebuilds/ have it, which scripts/list-prebuilds.mjs writes. Their paths are
 * constant, so that a bundler sees them, and can put in what it makes of them.
 */
export interface Prebuilt {
  addon(): Addon;
  /** The files of the programs, where the system has them. */
  guardian?(): string;
  joiner?(): string;
}

/** What this file uses of the addon; native.ts has the rest. */
interface Addon {
  /** The file that it was loaded from, wherever a bundler has put it. */
  readonly file: string;
}

export interface Loaded {
  readonly addon: Addon;
  /** The files of the programs beside it, which may be missing. */
  readonly guardian: string;
  readonly joiner: string;
}

let loaded: Loaded | undefined;

/** For native.ts. */
export function whatIsLoaded(): Loaded {
  if (loaded === undefined)
    throw new Error('Import an entry of freeze-state first: it loads the addon before anything else.');
  return loaded;
}

/** Loads by `load`, unless another entry of the package has loaded the addon before. */
export function loadOnce(load: () => Loaded): void {
  loaded ??= load();
}

/** Loads the binary for this target and no other, so that a bundle has that one alone. */
export function loadTarget(target: string, prebuilt: () => Prebuilt): void {
  loadOnce(() => fromPrebuilt({ target, isOnly: true, root }, prebuilt));
}

/**
 * The folder of the package. Unknown where a bundler has moved this code, since what is beside a bundle may not be ours. An ES
 * module has no `__filename`.
 */
export const root =
  typeof __filename === 'string' && /^load\.[jt]s$/.test(basename(__filename))
    ? dirname(dirname(__filename))
    : undefined;

export function fromFile(attempt: Attempt & { readonly file: string }): Loaded {
  const { file } = attempt;
  try {
    // Not `require`: a bundler would want to know what it may be given.
    return withPrograms(createRequire(file)(file));
  } catch (error) {
    throw whyNotLoaded(attempt, error);
  }
}

export function fromPrebuilt(attempt: Attempt, prebuilt: () => Prebuilt): Loaded {
  try {
    const { addon, guardian, joiner } = prebuilt();
    return withPrograms(addon(), guardian, joiner);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    throw (isMissing ? whyNotThere : whyNotLoaded)(attempt, error);
  }
}

function withPrograms(addon: Addon, guardian?: () => string, joiner?: () => string): Loaded {
  const folder = dirname(addon.file);
  return {
    addon,
    guardian: programAt(join(folder, 'freeze-state-guardian'), guardian),
    joiner: programAt(join(folder, 'freeze-state-joiner'), joiner),
  };
}

/** The program beside the addon, or else where a bundler has put it. */
function programAt(beside: string, bundled: (() => string) | undefined): string {
  if (exists(beside)) return beside;
  try {
    const file = bundled?.();
    return file !== undefined && exists(file) ? file : beside;
  } catch {
    // An ES module has no `__dirname`.
    return beside;
  }
}
