// node scripts/check-publish.mjs [FOLDER]: looks at what npm would pack now of the package in FOLDER, and fails where that is not
// to be published:
//
// - a file that `exports` of package.json names is missing;
// - an entry for one binary has no binary, or a binary for Linux has no guardian or joiner that may be executed;
// - the tarball has 6 MB or more.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const limit = 6_000_000;
const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const textOf = (file) => readFileSync(join(root, file), 'utf8');

const command = ['pack', '--ignore-scripts', '--dry-run', '--json', '--loglevel=error'];
const packed = JSON.parse(execFileSync('npm', command, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] }));
const [{ files, size }] = Object.values(packed);
const modes = new Map(files.map(({ path, mode }) => [path, mode]));

/** Every file below a value of `exports`, which has conditions inside of conditions. */
function filesIn(value) {
  return typeof value === 'string' ? [value.replace('./', '')] : Object.values(value).flatMap(filesIn);
}

/** What is wrong with the binary for a target, by the module of scripts/list-prebuilds.mjs that the loader takes. */
function* faultsOf(target, listed) {
  const list = `prebuilds/${target}.js`;
  if (!modes.has(list) || !listed.includes(`'./${target}.js'`)) {
    yield `there is no binary for ${target}`;
    return;
  }
  const text = textOf(list);
  const names = target.startsWith('linux-') ? ['addon', 'guardian', 'joiner'] : ['addon'];
  for (const name of names) {
    const [, path] = new RegExp(`^exports\\.${name} = .*'\\.?/(.+)'`, 'm').exec(text) ?? [];
    const file = `prebuilds/${path}`;
    if (!modes.has(file)) yield `there is no ${name} for ${target}`;
    else if (name !== 'addon' && (modes.get(file) & 0o111) !== 0o111) yield `${file} may not be executed`;
  }
}

const { exports } = JSON.parse(textOf('package.json'));
const index = existsSync(join(root, 'prebuilds/index.js')) ? textOf('prebuilds/index.js') : '';
const targets = Object.keys(exports).flatMap((entry) => /^\.\/((?:linux|darwin)-.+)$/.exec(entry)?.[1] ?? []);
const faults = [...new Set(filesIn(exports).filter((file) => !modes.has(file)))].map(
  (file) => `there is no ${file}, which package.json exports`,
);
for (const target of targets) faults.push(...faultsOf(target, index));
if (size >= limit) faults.push(`it has ${size} bytes, and is to have less than ${limit}`);

console.log(`${faults.length === 0 ? 'ok    ' : 'FAULT '} ${files.length} files, ${size} bytes`);
for (const fault of faults) console.log(`         ${fault}`);
if (faults.length > 0) process.exitCode = 1;
