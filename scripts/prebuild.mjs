// node scripts/prebuild.mjs: puts this platform's binary into prebuilds/<platform>-<architecture>/freeze-state.<libc>.node
//
// prebuildify rebuilds from scratch and then moves the binary away, so it works on a copy: the build folder of the
// working tree keeps the binary that the tests run on.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const copy = join(root, 'build-prebuild');
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);

rmSync(copy, { recursive: true, force: true });
rmSync(folder, { recursive: true, force: true });
mkdirSync(copy);
for (const source of ['package.json', 'binding.gyp', 'native']) {
  cpSync(join(root, source), join(copy, source), { recursive: true });
}

// The headers are those of the Node that runs this, from npm's `nodedir` or else downloaded; any will do, for the binary
// uses nothing but Node-API.
const prebuildify = join(root, 'node_modules', 'prebuildify', 'bin.js');
const options = ['--napi', '--strip', '--tag-libc', '--target', process.versions.node, '--cwd', copy, '--out', root];
const { status } = spawnSync(process.execPath, [prebuildify, ...options], {
  stdio: 'inherit',
  env: { ...process.env, JOBS: process.env.JOBS ?? 'max' },
});
if (status !== 0) process.exit(1);

rmSync(copy, { recursive: true, force: true });
for (const file of readdirSync(folder)) console.log(join(folder, file));
