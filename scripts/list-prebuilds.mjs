// node scripts/list-prebuilds.mjs [FOLDER]: writes into prebuilds/ of the package in FOLDER the modules by which the loader
// finds the binaries that are there: one for each, and an index. Every path in them is constant and leads to a file that is
// there: so bundlers see what to take, and miss nothing.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const prebuilds = join(process.argv[2] ?? join(import.meta.dirname, '..'), 'prebuilds');
const head = "// Made by scripts/list-prebuilds.mjs.\n'use strict';\n";

// Those of binaries that are gone must not stay.
for (const file of readdirSync(prebuilds)) if (file.endsWith('.js')) rmSync(join(prebuilds, file));
const targets = [];
for (const folder of readdirSync(prebuilds, { withFileTypes: true })) {
  if (!folder.isDirectory()) continue;
  for (const file of readdirSync(join(prebuilds, folder.name))) {
    // As prebuildify names them, which tags a libc on other systems than Linux, too.
    const [, libc] = /^freeze-state(?:\.(glibc|musl))?\.node$/.exec(file) ?? [undefined, null];
    if (libc === null) continue;
    const target = folder.name.startsWith('linux-') && libc ? `${folder.name}-${libc}` : folder.name;
    const lines = [`exports.addon = () => require('./${folder.name}/${file}');`];
    for (const program of ['guardian', 'joiner']) {
      const path = `/${folder.name}/freeze-state-${program}`;
      if (existsSync(join(prebuilds, path))) lines.push(`exports.${program} = () => __dirname + '${path}';`);
    }
    writeFileSync(join(prebuilds, `${target}.js`), `${head}${lines.join('\n')}\n`);
    targets.push(target);
  }
}
const lines = targets.sort().map((target) => `exports['${target}'] = () => require('./${target}.js');`);
writeFileSync(join(prebuilds, 'index.js'), `${head}${lines.join('\n')}\n`);
