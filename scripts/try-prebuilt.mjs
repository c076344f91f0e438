// node scripts/try-prebuilt.mjs [TARGET [COMMAND...]]: tries the binary in prebuilds/ for this machine, or for TARGET, with what
// test/package/fixtures/smoke.mjs does: freezes in every mode, in a worker, in a sandbox, and at the end of the program. COMMAND
// runs Node in place of this one, such as Node for arm64 in an emulator. It takes no compiler and no dependency.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

const root = join(import.meta.dirname, '..');
const [target = createRequire(import.meta.url)('../dist/target.js').thisTarget(), ...command] = process.argv.slice(2);
const [program = process.execPath, ...options] = command;
const entry = join(root, 'dist', 'targets', `${target}.js`);
if (!existsSync(entry)) {
  console.error(`There is no ${entry}. Run: npm run compile:ts`);
  process.exit(2);
}

/** Of a system without /proc, less is told. */
const isLinux = target.startsWith('linux');

/** Starts a task of smoke.mjs, and gives what it prints first. */
async function task(what) {
  const child = spawn(program, [...options, join(root, 'test/package/fixtures/smoke.mjs'), entry, what], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const [text] = await Promise.race([once(child.stdout, 'data'), exit.then(() => [''])]);
  const [code, signal] = await exit;
  clearTimeout(limit);
  return { told: text.length === 0 ? undefined : JSON.parse(text), code, signal };
}

function check(what, isRight, got) {
  console.log(`${isRight ? 'ok    ' : 'FAILED'} ${target}: ${what}${isRight ? '' : `: ${JSON.stringify(got)}`}`);
  if (!isRight) process.exitCode = 1;
}

/** The state of a process as a letter, from /proc. */
function stateOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat[stat.lastIndexOf(')') + 2];
}

async function isContinued(pid) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(10)) if (stateOf(pid) !== 'T') return true;
  return false;
}

const { told: modes } = await task('modes');
const found = Object.entries(modes ?? {}).filter(([mode]) => mode !== 'none');
check('loads, and has modes', found.length > 0, modes);
for (const [mode, { isFrozen, told, stopped, thawed }] of found)
  check(`freezes and thaws in mode ${mode}`, isFrozen && told && (!isLinux || (stopped && thawed)), modes);

const { told: thaw } = await task('worker');
check('is thawed by a worker', isDeepStrictEqual(thaw, { epoch: 1, isFrozen: false, isOpen: true }), thaw);

if (isLinux) {
  const { told: sandboxes } = await task('sandbox');
  const ended = Object.values(sandboxes ?? {});
  check('ends a sandbox', ended.length > 0 && ended.every((one) => one.isFrozen && one.ended === 2), sandboxes);
  for (const end of ['exit', 'kill']) {
    const { told, signal } = await task(end);
    const isRight = told?.guardian.available === true && (await isContinued(told.pid));
    if (told) process.kill(-told.pid, 'SIGKILL');
    check(`leaves nothing stopped at its end by ${end}`, isRight && (signal !== null) === (end === 'kill'), told);
  }
}
