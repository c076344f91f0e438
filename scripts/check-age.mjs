// node scripts/check-age.mjs [FOLDER]: fails where a binary in prebuilds/ of the package in FOLDER is older than a source that it
// is compiled from. `prepack` compiles the binary of this machine alone, and would pack what an earlier `prebuild:all` has left.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));

/** The files below a folder that match, as paths from the package's. */
function filesBelow(folder, pattern) {
  const path = join(root, folder);
  const files = existsSync(path) ? readdirSync(path, { recursive: true }) : [];
  return files.map((file) => join(folder, file)).filter((file) => pattern.test(file));
}

const changed = (file) => statSync(join(root, file)).mtimeMs;
const folders = ['core', 'binding', 'guardian', 'joiner'];
const sources = folders.flatMap((folder) => filesBelow(join('native', folder), /\.(?:cpp|h)$/));
const [newest] = sources.sort((one, other) => changed(other) - changed(one));
for (const file of filesBelow('prebuilds', /[/\\]freeze-state[^/\\]*$/)) {
  if (newest === undefined || changed(file) >= changed(newest)) continue;
  console.error(`${file} is older than ${newest}. Compile it again (npm run prebuild:all), or remove it.`);
  process.exitCode = 1;
}
