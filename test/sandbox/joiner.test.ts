import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { adopt } from '../helpers/children';
import '../helpers/processes';

const joiner = join(__dirname, '../../build/Release/freeze-state-joiner');
const folder = mkdtempSync(join(tmpdir(), 'freeze state joiner '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const procs = join(folder, 'cgroup.procs');

interface Started {
  readonly child: ChildProcess;
  readonly status: Duplex;
  readonly out: Promise<string>;
  readonly ended: Promise<unknown[]>;
}

/**
 * Has the joiner execute the program; a plain file stands for that of a group, and is written if `flag` lets it. A socket stands
 * for the pipe, and has the reports of this child alone.
 */
function joined(
  program: string,
  args: readonly string[],
  { argv0 = 'zero', flag = 'r+', reports = 'pipe' as 'pipe' | number } = {},
): Started {
  writeFileSync(procs, '');
  const file = openSync(procs, flag);
  const names = argv0 === program ? `0 ${program}` : `${Buffer.byteLength(program)} ${program} ${argv0}`;
  const order = `freeze-state-joiner 3 4 17 ${names}`;
  const child = adopt(
    spawn(joiner, args, {
      argv0: order,
      cwd: folder,
      env: { WORD: 'word' },
      stdio: ['ignore', 'pipe', 2, file, reports],
    }),
  );
  closeSync(file);
  const out = child.stdout === null ? Promise.resolve('') : text(child.stdout);
  return { child, status: child.stdio[4] as Duplex, out, ended: once(child, 'exit') };
}

/** A descriptor of the end to write to. */
function pipeWithoutReader(): number {
  const file = join(folder, 'pipe');
  execFileSync('mkfifo', [file]);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(file, 'w');
  closeSync(reader);
  rmSync(file);
  return writer;
}

function script(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, 0o755);
  return file;
}

describe('the joiner', () => {
  it('joins by writing 0, and executes the program as it was told, with no other descriptors', async () => {
    const args = ['-c', 'echo "$0 $# $WORD"; ls /proc/$$/fd', 'a b', ''];
    const plain = spawnSync('/bin/sh', args, { cwd: folder, env: { WORD: 'word' } }).stdout.toString();
    const { status, out, ended } = joined('/bin/sh', args, { argv0: 'other name' });
    expect(await text(status)).toBe('in 17\n');
    expect(await out).toBe(plain);
    expect(plain).toMatch(/^a b 1 word\n/);
    expect(await ended).toEqual([0, null]);
    expect(readFileSync(procs, 'latin1')).toBe('0');
  });

  const spaced = join(folder, 'a program');
  it.each(['other name', '', spaced])('passes on %j as argv[0], and a path that has spaces', async (argv0) => {
    const program = spaced;
    symlinkSync('/bin/cat', program);
    const { status, out } = joined(program, ['/proc/self/cmdline'], { argv0 });
    expect(await text(status)).toBe('in 17\n');
    expect(await out).toBe(`${argv0}\0/proc/self/cmdline\0`);
    rmSync(program);
  });

  it('has the shell execute a script that says no interpreter, as Node does', async () => {
    const file = script('no-interpreter', 'echo "$0" "$@"\n');
    expect(spawnSync(file, ['one', 'two words']).stdout.toString()).toBe(`${file} one two words\n`);
    expect(await joined(file, ['one', 'two words']).out).toBe(`${file} one two words\n`);
  });

  it('says why it cannot join, and waits for SIGCONT before it executes', async () => {
    const { child, status, out, ended } = joined('/bin/echo', ['done'], { flag: 'r' });
    const [line] = (await once(status, 'data')) as [Buffer];
    expect(line.toString()).toBe('join 17 9\n');
    expect(readFileSync(`/proc/${child.pid}/comm`, 'latin1')).toBe('freeze-state-jo\n');
    child.kill('SIGCONT');
    // So a parent that has to look for its reports knows when to stop.
    expect(await text(status)).toBe('in 17\n');
    expect(await out).toBe('done\n');
    expect(await ended).toEqual([0, null]);
  });

  it("takes nobody's SIGCONT but its parent's, and asks again, since it may have hidden that one", async () => {
    const { child, status, out, ended } = joined('/bin/echo', ['done'], { flag: 'r' });
    await once(status, 'data');
    for (let i = 0; i < 3; i += 1) {
      const again = once(status, 'data');
      spawnSync('/bin/kill', ['-CONT', String(child.pid)]);
      expect(String(await Promise.race([again, ended]))).toBe('join 17 9\n');
    }
    child.kill('SIGCONT');
    expect(await out).toBe('done\n');
    expect(await ended).toEqual([0, null]);
  });

  it('leaves nothing of a wait to the program: no handler, no mask, no signal that is pending', async () => {
    const args = ['-E', '^(Sig|Shd|Name)', '/proc/self/status'];
    const signals = (text: string) => text.replace(/^SigQ.*$/m, '');
    const plain = spawnSync('/bin/grep', args).stdout.toString();
    const { child, status, out } = joined('/bin/grep', args, { flag: 'r' });
    await once(status, 'data');
    // The second one comes while the first is handled, or is blocked, or when the program runs.
    child.kill('SIGCONT');
    child.kill('SIGCONT');
    expect(signals(await out)).toBe(signals(plain));
  });

  // What root owns shows nothing of it.
  it.skipIf(process.getuid?.() === 0)('may not be traced by its own user before its program begins', async () => {
    const { child, status, out } = joined('/bin/cat', ['/proc/self/environ'], { flag: 'r' });
    await once(status, 'data');
    expect(() => readFileSync(`/proc/${child.pid}/environ`)).toThrow('EACCES');
    child.kill('SIGCONT');
    expect(await out).toBe('WORD=word\0');
  });

  it('executes nothing where it cannot join and the parent dies', async () => {
    const { status, out, ended } = joined('/bin/echo', ['done'], { flag: 'r' });
    await once(status, 'data');
    status.destroy();
    expect(await out).toBe('');
    expect(await ended).toEqual([127, null]);
  });

  it('executes nothing where the parent dies, though another process has the end to read from', async () => {
    writeFileSync(procs, '');
    const file = openSync(procs, 'r');
    const program = `
      const { spawn } = require('node:child_process');
      const argv0 = 'freeze-state-joiner 3 4 17 0 /bin/echo';
      spawn(${JSON.stringify(joiner)}, ['done'], { argv0, stdio: ['ignore', 1, 2, 3, 4] });`;
    const parent = adopt(spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 2, file, 'pipe'] }));
    closeSync(file);
    const status = parent.stdio[4] as Duplex;
    expect(String(await once(status, 'data'))).toBe('join 17 9\n');
    parent.kill('SIGKILL');
    // It is the last one that has the other ends.
    expect(await Promise.all([text(status), parent.stdout === null ? '' : text(parent.stdout)])).toEqual(['', '']);
  });

  it.each([
    ['r', '', [127, null]],
    ['r+', 'done\n', [0, null]],
  ])('has nobody to tell where the parent has died before: with cgroup.procs open by %s', async (flag, said, end) => {
    const reports = pipeWithoutReader();
    const { out, ended } = joined('/bin/echo', ['done'], { flag, reports });
    closeSync(reports);
    expect(await out).toBe(said);
    expect(await ended).toEqual(end);
  });

  it('says why it cannot execute', async () => {
    const { status, ended } = joined(script('lost-interpreter', '#!/no/such/interpreter\n'), []);
    expect(await text(status)).toBe('in 17\nexec 17 2\n');
    expect(await ended).toEqual([127, null]);
  });

  it('does nothing where another started it', () => {
    const orders = [
      'freeze-state-joiner',
      'freeze-state-joiner 3 4 17 99 /bin/true x',
      'freeze-state-joiner 3 4 17 0 ',
    ];
    for (const argv0 of [...orders, 'sh', '']) {
      const { status, stderr } = spawnSync(joiner, [], { argv0 });
      expect([status, stderr.toString()]).toEqual([126, expect.stringContaining('is started by freeze-state')]);
    }
  });
});
