// A child of the runtime, with a heart of its own: node child.mjs HEARTBEAT-FILE EVERY-MS
import { startHeartbeat } from './heartbeat.mjs';

const [file, everyMs] = process.argv.slice(2);
startHeartbeat(file, Number(everyMs));
// Its input is a pipe from the runtime, and ends with it.
process.stdin.on('end', () => process.exit()).resume();
