// node scripts/compile.mjs [OPTION OF NODE-GYP]...: compiles the addon to build/Release; with `-C FOLDER` what the
// binding.gyp there describes
import { runNodeGyp } from './node-gyp.mjs';

await runNodeGyp('node-gyp/bin/node-gyp.js', ['configure', 'build', ...process.argv.slice(2)]);
