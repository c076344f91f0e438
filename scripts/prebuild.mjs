// node scripts/prebuild.mjs: puts this platform's binary into prebuilds/<platform>-<architecture>/freeze-state.<libc>.node,
// and lists all that are there.
//
// prebuildify rebuilds from scratch and then moves the binary away, so it works on a copy: the build folder of the
// working tree keeps the binary that the tests run on.
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root, runNodeGyp } from './node-gyp.mjs';

const copy = join(root, 'build-prebuild');
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);

// What else is in prebuilds/ was made for another libc or on another machine, and stays.
rmSync(copy, { recursive: true, force: true });
mkdirSync(copy);
for (const source of ['package.json', 'binding.gyp', 'native']) {
  // Without what a compile by the loader's commands has left in native/.
  const filter = (path) => !/^(build|node_modules)$/.test(basename(path));
  cpSync(join(root, source), join(copy, source), { recursive: true, filter });
}

const options = ['--napi', '--strip', '--tag-libc', '--target', process.versions.node, '--cwd', copy, '--out', root];
if (await runNodeGyp('prebuildify/bin.js', options)) {
  // Static, so one serves every libc.
  for (const program of ['freeze-state-guardian', 'freeze-state-joiner']) {
    const built = join(copy, 'build', 'Release', program);
    if (existsSync(built)) copyFileSync(built, join(folder, program));
  }
  for (const file of readdirSync(folder)) console.log(join(folder, file));
  await import('./list-prebuilds.mjs');
}
rmSync(copy, { recursive: true, force: true });
