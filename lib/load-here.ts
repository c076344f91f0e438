import { join, resolve } from 'node:path';
import { fromFile, fromPrebuilt, type Loaded, loadOnce, type Prebuilt, root } from './load';
import { exists, whyNotThere } from './load-errors';
import { thisTarget } from './target';

// Apart from load.ts, since this file names all binaries: the bundle of an entry for one target must have its binary alone.

/** Loads what was compiled on this machine, or else the binary that the package has for it. */
export function loadForThisMachine(): void {
  loadOnce(() => ownBuild() ?? prebuiltOne());
}

/** Where a build may be: one by the commands that an error names, or one in the repository. */
const builds = ['native/build/Release', 'build/Release', 'build/Debug'];

function ownBuild(): Loaded | undefined {
  const { FREEZE_STATE_ADDON: named } = process.env;
  if (named) return fromFile({ file: resolve(named), isNamed: true, root });
  const folder = root;
  if (folder === undefined) return undefined;
  const files = builds.map((build) => join(folder, build, 'freeze_state.node'));
  const file = files.find((path) => exists(path));
  return file === undefined ? undefined : fromFile({ file, root });
}

/** Not within a `try`, where some bundlers leave a `require` as it is. */
const prebuilds = (): Readonly<Record<string, () => Prebuilt>> => require('../prebuilds/index.js');

function prebuiltOne(): Loaded {
  const target = thisTarget();
  let listed: ReturnType<typeof prebuilds>;
  try {
    listed = prebuilds();
  } catch (error) {
    throw whyNotThere({ target, root }, error);
  }
  const prebuilt = listed[target];
  if (prebuilt !== undefined) return fromPrebuilt({ target, root }, prebuilt);
  throw whyNotThere({ target, root }, new Error(`It has those for ${Object.keys(listed).join(', ')}.`));
}
