import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FreezeMode, FreezeState } from 'freeze-state';
import type { Sandbox } from 'freeze-state/sandbox';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { cgroup, processesOf } from '../helpers/cgroups';
import { adopt, start } from '../helpers/children';
import { cgroupOf, letterOf } from '../helpers/proc';
import { canBecomeNobody, nobody } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import { leftovers, makeSandbox, output, patient, sleeperIn, started } from '../helpers/sandboxes';
import { turns, until } from '../helpers/until';

const has = FreezeState.capabilities.modes[FreezeMode.Cgroup].available;
const folder = mkdtempSync(join(tmpdir(), 'freeze-state-joining-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const make = (): Sandbox => makeSandbox({ mode: FreezeMode.Cgroup, freezeAfter: false });
const groupOf = ({ state }: Sandbox): string => state.cgroup ?? '';

function script(name: string, content: string, mode = 0o755): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

/** How often this thread calls read(2) and its like meanwhile. */
function readsOf(act: () => unknown): number {
  const count = () => Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/thread-self/io', 'latin1'))?.[1]);
  const [first, second] = [count(), count()];
  act();
  return count() - second - (second - first);
}

/** A pipe of that name: a process that writes to it waits. */
function fullPipe(file: string): number {
  execFileSync('mkfifo', [file]);
  const pipe = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  expect(() => {
    for (;;) writeSync(pipe, Buffer.alloc(4096));
  }).toThrow('EAGAIN');
  return pipe;
}

/** '' if it has exited. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch {
    return '';
  }
}

async function all(child: ChildProcess): Promise<string> {
  return child.stdout === null ? '' : await text(child.stdout);
}

/** What Node alone does, and what a sandbox does with the same arguments. */
async function both<T>(start: (spawnOf: typeof spawn) => Promise<T>): Promise<[T, T]> {
  return [await start(spawn), await start(make().spawn)];
}

/** A program's view of itself, but for its numbers and for the word of the sandbox. */
const selfPortrait = `
  const { readFileSync, readdirSync, readlinkSync } = require('node:fs');
  const fds = readdirSync('/proc/self/fd').map((fd) => {
    try { return fd + ' ' + readlinkSync('/proc/self/fd/' + fd).replace(/\\d+/g, ''); } catch { return ''; }
  });
  const status = readFileSync('/proc/self/status', 'latin1');
  const { FREEZE_STATE_SANDBOX, ...env } = process.env;
  const parent = process.ppid;
  const signals = status.match(/^(SigQ|ShdPnd|SigPnd|SigBlk|SigIgn|SigCgt|CapEff|NoNewPrivs|Seccomp):.*$/gm);
  const args = readFileSync('/proc/self/cmdline', 'latin1');
  const limits = readFileSync('/proc/self/limits', 'latin1');
  console.log(JSON.stringify({ fds, signals: signals.filter((l) => !/^SigQ/.test(l)), env, args, parent, limits, umask: process.umask(),
    exe: readlinkSync('/proc/self/exe'), argv0: process.argv0, cwd: process.cwd(), comm: readFileSync('/proc/self/comm', 'latin1') }));
`;

describe.skipIf(!has)('a child in mode cgroup', () => {
  it('tells that it has closed even where nothing else keeps the event loop alive', async () => {
    const program = start(process.execPath, [join(__dirname, 'fixtures/last-close.cjs')]);
    const [stderr, [code, signal]] = await Promise.all([text(program.stderr), once(program, 'exit')]);
    expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
  });

  it('is in the group from its first instruction on, and so is all that it starts', async () => {
    const sandbox = make();
    const lines: Promise<string>[] = [];
    for (let i = 0; i < 40; i += 1) {
      const child = sandbox.spawn('/bin/sh', ['-c', 'cat /proc/self/cgroup & cat /proc/$$/cgroup; wait'], {
        stdio: 'pipe',
      });
      lines.push(all(child));
      expect(sandbox.state.pids).toContain(child.pid);
    }
    const groups = (await Promise.all(lines)).flatMap((one) => one.match(/^0::.*$/gm) ?? []);
    expect(groups).toHaveLength(80);
    for (const group of groups) expect(groupOf(sandbox).endsWith(group.slice('0::'.length))).toBe(true);
  });

  it('costs this thread few reads more than a plain spawn, however deep the group lies', () => {
    const deep = cgroup(cgroup(cgroup()));
    const sandbox = makeSandbox({ mode: FreezeMode.Cgroup, freezeAfter: false, state: { cgroup: { parent: deep } } });
    const start = (spawnOf: typeof spawn) => () => adopt(spawnOf(targetProgram, ['sleep'], { stdio: 'pipe' }));
    // The first child of a sandbox costs more.
    start(sandbox.spawn)();
    const [plain, inside] = [readsOf(start(spawn)), readsOf(start(sandbox.spawn))];
    // Two of /proc/thread-self/cgroup, and one each of cgroup.freeze and cgroup.events. Where a child of an earlier test exits
    // meanwhile, Node's handler of SIGCHLD reads, too.
    expect(inside).toBeLessThanOrEqual(plain + 6);
  });

  it.each([
    ['its sandbox has ended', (sandbox: Sandbox) => sandbox.terminate(patient)],
    ['the state of its sandbox was closed', async ({ state }: Sandbox) => state.close()],
    [
      'its sandbox has ended, and its listeners were removed',
      async (sandbox: Sandbox) => {
        const child = sandbox.spawn('/bin/true', { stdio: 'ignore' });
        child.removeAllListeners();
        await until(() => child.exitCode !== null, 'Node knows of its end');
        await sandbox.terminate(patient);
      },
    ],
  ])('leaves no descriptor open when %s', async (_, end) => {
    const count = () => readdirSync('/proc/self/fd').length;
    const live = async (endOf: typeof end) => {
      const sandbox = make();
      await once(sandbox.spawn('/bin/true', { stdio: 'ignore' }), 'close');
      await endOf(sandbox);
    };
    // The first of this process leaves what all share.
    await live((sandbox) => sandbox.terminate(patient));
    await turns();
    const left = count();
    await live(end);
    await until(() => count() === left, 'no other descriptor is open');
  });

  it('sees nothing of the helper', async () => {
    const stdios: NonNullable<SpawnOptions['stdio']>[] = [
      ['ignore', 'pipe', 'inherit'],
      ['ignore', 'pipe', 2, 'pipe', 'ignore', 'ipc'],
    ];
    for (const stdio of stdios) {
      const options: SpawnOptions = { stdio, argv0: 'zero', cwd: '/', env: { WORD: 'a b', PATH: process.env['PATH'] } };
      const [plain, inside] = await both(async (spawnOf) => {
        const child = adopt(spawnOf(process.execPath, ['-e', selfPortrait, 'one', ''], options));
        const { spawnfile, spawnargs } = child;
        return { ...JSON.parse(await all(child)), spawnfile, spawnargs, length: child.stdio.length };
      });
      expect(inside).toEqual(plain);
    }
  });

  it('is found as Node finds it: by its PATH, its directory and its shell', async () => {
    script('found', 'echo "$0 found $1"\n');
    const calls: [string, string[], SpawnOptions][] = [
      ['found', ['one'], { env: { PATH: `/no/such:${folder}` } }],
      ['./found', ['one'], { cwd: folder }],
      ['found', ['one'], { cwd: folder, env: { PATH: '' } }],
      ['echo', ['one'], { env: {} }],
      ['echo "$0 a  b"', [], { shell: true }],
      ['echo "$0 a"', ['b', 'c'], { shell: '/bin/sh' }],
    ];
    for (const [file, args, options] of calls) {
      const [plain, inside] = await both(async (spawnOf) => {
        const child = spawnOf(file, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] });
        child.on('error', () => undefined);
        return { printed: await all(child), file: child.spawnfile, args: child.spawnargs };
      });
      expect(inside).toEqual(plain);
      expect(plain.printed).not.toBe('');
    }
  });

  it.each([
    ['ENOENT', () => '/no/such/program', {}],
    ['ENOENT', () => 'no-such-program', { env: { PATH: '/bin:/usr/bin' } }],
    ['EACCES', () => script('no-x', 'exit 0\n', 0o644), {}],
    ['EACCES', () => folder, {}],
    ['ENOENT', () => '/bin/true', { cwd: '/no/such' }],
  ])('that cannot be executed (%s) gets the error of Node, and no pid', async (code, file, options) => {
    const [plain, inside] = await both(async (spawnOf) => {
      const child = spawnOf(file(), ['one'], options);
      const [error] = await once(child, 'error');
      return { pid: child.pid, ...error, message: error.message };
    });
    expect(inside).toEqual(plain);
    expect(inside).toMatchObject({ pid: undefined, code });
  });

  it('is refused for what Node refuses, with a shell too', () => {
    const sandbox = make();
    for (const file of ['', undefined, 7]) {
      expect(() => sandbox.spawn(file as never, [], { shell: true })).toThrow(/ERR_INVALID_ARG|'file'|"file"/);
    }
  });

  it('whose program fails only when it is executed emits an error after spawn', async () => {
    const busy = join(folder, 'busy');
    copyFileSync('/bin/true', busy);
    const writing = openSync(busy, 'r+');
    for (const [file, code] of [
      [script('lost', '#!/no/such/interpreter\n'), 'ENOENT'],
      [busy, 'ETXTBSY'],
    ]) {
      const child = make().spawn(file ?? '', ['one']);
      const events: unknown[] = [];
      const close = new Promise((resolve) => child.on('close', resolve));
      for (const name of ['spawn', 'exit']) child.on(name, () => events.push(name));
      child.on('error', (error) => events.push(error));
      await close;
      expect(events).toEqual([
        'spawn',
        expect.objectContaining({ code, path: file, syscall: `spawn ${file}`, spawnargs: ['one'] }),
        'exit',
      ]);
      expect(child.exitCode).toBe(127);
    }
    closeSync(writing);
  });

  it('tells of that before its exit, also where nothing else keeps the event loop alive or nobody listens', async () => {
    const lost = script('lost', '#!/no/such/interpreter\n');
    const program = start(process.execPath, [join(__dirname, 'fixtures/last-error.cjs'), lost]);
    const [out, [code]] = await Promise.all([text(program.stdout), once(program, 'exit')]);
    const [heard, unheard] = [
      'error ENOENT, exit 127, close, exit of the sandbox',
      'exit 127, close, uncaught ENOENT, exit of the sandbox',
    ];
    expect([out, code]).toEqual([`${heard}, ${unheard}\n`, 0]);
  });

  it('is covered at once: a confirmed freeze finds it inside, and a thaw lets it begin', async () => {
    for (let round = 0; round < 5; round += 1) {
      const sandbox = make();
      const children = [sleeperIn(sandbox), sleeperIn(sandbox)];
      // Not by the sandbox, which waits itself.
      const report = await sandbox.state.confirmFreezeAtEpoch(sandbox.state.currentEpoch, { timeout: 30_000 });
      expect(report.isFrozen).toBe(true);
      for (const { pid } of children) expect(cgroupOf(pid)).toBe(groupOf(sandbox));
      sandbox.work();
      for (const child of children) {
        const exit = once(child, 'exit');
        child.stdin?.end();
        expect(await exit).toEqual([0, null]);
      }
    }
  });

  it('may be killed, aborted or timed out while it joins', async () => {
    const sandbox = make();
    const controller = new AbortController();
    const killed = sleeperIn(sandbox);
    killed.kill('SIGKILL');
    const aborted = sandbox.spawn(targetProgram, ['sleep'], { signal: controller.signal, killSignal: 'SIGKILL' });
    const error = once(aborted, 'error');
    controller.abort();
    const late = sandbox.spawn(targetProgram, ['sleep'], { timeout: 1, killSignal: 'SIGKILL' });
    for (const child of [killed, aborted, late]) {
      if (child.signalCode === null) await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
    }
    expect(await error).toMatchObject([{ name: 'AbortError' }]);
    const { pid } = sleeperIn(sandbox);
    expect((await sandbox.freeze({ timeout: 30_000 })).isFrozen).toBe(true);
    expect(processesOf(groupOf(sandbox))).toEqual([pid]);
  });

  it('ends with its sandbox while it joins, and the group goes', async () => {
    for (let round = 0; round < 3; round += 1) {
      const sandbox = make();
      const group = groupOf(sandbox);
      const pids = Array.from({ length: 4 }, () => sleeperIn(sandbox).pid);
      const ended = await sandbox.terminate(patient);
      expect(ended.map(({ pid }) => pid).sort()).toEqual(pids.sort());
      expect(leftovers()).toEqual([]);
      expect(() => processesOf(group)).toThrow('ENOENT');
    }
  });

  it('goes back to where this process is when it leaves, also while it joins', async () => {
    const sandbox = make();
    const [first, second] = [sleeperIn(sandbox), sleeperIn(sandbox)];
    const own = cgroupOf(process.pid);
    expect(sandbox.state.unregisterPid(first.pid)).toBe(true);
    expect(cgroupOf(first.pid)).toBe(own);
    sandbox.state.close();
    expect(cgroupOf(second.pid)).toBe(own);
    // They run.
    for (const child of [first, second]) {
      const exit = once(child, 'exit');
      child.stdin?.end();
      expect(await exit).toEqual([0, null]);
    }
  });

  it.skipIf(!canBecomeNobody || process.geteuid?.() !== 0)('may be of a user that may not move processes', async () => {
    const sandbox = make();
    const child = started(
      sandbox.spawn('/bin/sh', ['-c', 'id -u; grep ^0:: /proc/self/cgroup; read line'], {
        uid: nobody,
        gid: nobody,
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    let printed = '';
    while (!/\n.*\n/.test(printed)) printed += await output(child);
    const [user, group = ''] = printed.split('\n');
    expect(user).toBe(String(nobody));
    expect(groupOf(sandbox).endsWith(group.slice('0::'.length))).toBe(true);
    child.stdin?.end();
    await once(child, 'exit');
  });

  it.skipIf(!canBecomeNobody || process.geteuid?.() !== 0)(
    'is looked up in PATH as its user, as Node does it',
    async () => {
      const [closed, open] = ['closed', 'open'].map((name) => {
        const directory = mkdtempSync(join(tmpdir(), `freeze-state-${name}-`));
        writeFileSync(join(directory, 'found'), `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
        return directory;
      }) as [string, string];
      chmodSync(open, 0o755);
      try {
        const [plain, inside] = await both((spawnOf) => {
          const env = { PATH: `${closed}:${open}:${process.env['PATH']}` };
          return all(spawnOf('found', { env, uid: nobody, gid: nobody, stdio: ['ignore', 'pipe', 'inherit'] }));
        });
        expect(inside).toBe(plain);
        expect(plain).toBe('open\n');
      } finally {
        for (const directory of [closed, open]) rmSync(directory, { recursive: true });
      }
    },
  );

  it.skipIf(!canBecomeNobody || process.geteuid?.() !== 0)(
    'joins by the rights that this process has by then, not by those it had before',
    async () => {
      const program = `
        const { Sandbox } = require('freeze-state/sandbox');
        const sandbox = new Sandbox({ mode: 'cgroup', state: { guardian: false }, freezeAfter: false });
        const spawn = () => sandbox.spawn('/bin/cat', { stdio: ['pipe', 'ignore', 'inherit'], cwd: '/' });
        for (const user of [0, ${nobody}, 0]) {
          process.seteuid(user);
          try { spawn(); console.log('spawned'); } catch ({ code }) { console.log(code); }
        }
        void sandbox.terminate();`;
      const node = adopt(spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }));
      expect(await all(node)).toBe('spawned\nERR_FREEZE_CGROUP\nspawned\n');
    },
  );

  it("does not keep this process alive where it is unref'd, also before its program begins", async () => {
    const program = `
      const { Sandbox } = require('freeze-state/sandbox');
      const sandbox = new Sandbox({ mode: 'cgroup', state: { guardian: false }, freezeAfter: false });
      const child = sandbox.spawn('/bin/sh', ['-c', 'read line'], { stdio: ['inherit', 'ignore', 'inherit'] });
      process.kill(child.pid, 'SIGSTOP');
      child.unref();
      console.log(child.pid);`;
    const node = adopt(spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }));
    const exit = once(node, 'exit');
    const pid = Number(await output(node));
    try {
      expect(await exit).toEqual([0, null]);
    } finally {
      // A plain user cannot see whose it is.
      process.kill(pid, 'SIGKILL');
    }
  });

  it('is waited for by a freeze only until that is aborted', async () => {
    const sandbox = make();
    sleeperIn(sandbox);
    const controller = new AbortController();
    const freeze = sandbox.freeze({ signal: controller.signal }).catch((error: Error) => error.message);
    controller.abort(new Error('enough'));
    expect(await Promise.race([freeze, new Promise((resolve) => setImmediate(resolve))])).toBe('enough');
  });

  it('is waited for by the freezes of other sandboxes, since the kernel does one after the other', async () => {
    const [sandbox, other] = [make(), make()];
    // It is moved by this thread, and joins nothing.
    other.adopt(start(targetProgram, ['sleep']));
    const begun = vi.spyOn(other.state, 'confirmFreezeAtEpoch');
    sleeperIn(sandbox);
    const freeze = other.freeze({ timeout: 30_000 });
    // Without a wait it begins during the call.
    expect(begun).not.toHaveBeenCalled();
    expect((await freeze).isFrozen).toBe(true);
  });

  it('is not waited for once it was killed, even if its listeners were removed', async () => {
    const [sandbox, other] = [make(), make()];
    other.adopt(start(targetProgram, ['sleep']));
    const begun = vi.spyOn(other.state, 'confirmFreezeAtEpoch');
    const directory = mkdtempSync(join(folder, 'group-'));
    const pipe = fullPipe(join(directory, 'cgroup.procs'));
    Object.defineProperty(sandbox.state, 'cgroup', { value: directory });
    const child = sleeperIn(sandbox);
    child.removeAllListeners();
    child.kill('SIGKILL');
    await until(() => child.signalCode !== null, 'Node knows of its end');
    closeSync(pipe);
    const freeze = other.freeze({ timeout: 30_000 });
    expect(begun).toHaveBeenCalled();
    expect((await freeze).isFrozen).toBe(true);
  });

  it('is not waited for if it joins a frozen group: it has joined only when that is thawed', async () => {
    const [sandbox, other] = [make(), make()];
    other.adopt(start(targetProgram, ['sleep']));
    const begun = vi.spyOn(other.state, 'confirmFreezeAtEpoch');
    sleeperIn(sandbox);
    expect(sandbox.state.freezeAtEpoch(sandbox.state.currentEpoch)).toBe(true);
    const freeze = other.freeze({ timeout: 30_000 });
    expect(begun).toHaveBeenCalled();
    expect((await freeze).isFrozen).toBe(true);
  });

  /** What its children write to join fails (ENOSPC). */
  function makeWithoutJoins(): Sandbox {
    const sandbox = make();
    Object.defineProperty(sandbox.state, 'cgroup', { value: notAGroup() });
    return sandbox;
  }

  function notAGroup(): string {
    const directory = mkdtempSync(join(folder, 'group-'));
    symlinkSync('/dev/full', join(directory, 'cgroup.procs'));
    return directory;
  }

  it('is moved by us where it may not join, before it executes its program', async () => {
    const sandbox = make();
    const group = groupOf(sandbox);
    Object.defineProperty(sandbox.state, 'cgroup', { value: notAGroup() });
    const children = Array.from({ length: 10 }, () =>
      sandbox.spawn('/bin/cat', ['/proc/self/cgroup'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    for (const printed of await Promise.all(children.map(all))) {
      const [line = ''] = /^0::.*$/m.exec(printed) ?? [];
      expect(line).not.toBe('');
      expect(group.endsWith(line.slice('0::'.length))).toBe(true);
    }
  });

  it('is moved by us before it executes its program where others send it SIGCONT, too', async () => {
    const sandbox = make();
    const group = groupOf(sandbox);
    Object.defineProperty(sandbox.state, 'cgroup', { value: notAGroup() });
    const child = sandbox.spawn('/bin/cat', ['/proc/self/cgroup'], { stdio: ['ignore', 'pipe', 'inherit'] });
    // Meanwhile this thread does not read what it reports.
    for (let i = 0; i < 20; i += 1) execFileSync('/bin/kill', ['-CONT', String(child.pid)]);
    const [line = ''] = /^0::.*$/m.exec(await all(child)) ?? [];
    expect(line).not.toBe('');
    expect(group.endsWith(line.slice('0::'.length))).toBe(true);
  });

  it.each([
    ['is killed', ['SIGCONT'], ['EPERM', 'SIGKILL']],
    ['emits the error, though it does not exit,', ['SIGCONT', 'SIGKILL'], ['EPERM']],
  ])('%s where it may not join and we may send it no %j', async (_, refused, expected) => {
    const sandbox = makeWithoutJoins();
    const kill = process.kill.bind(process);
    const spy = vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
      if (refused.includes(String(signal))) throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
      return kill(pid, signal);
    });
    try {
      const child = adopt(sandbox.spawn('/bin/echo', ['it runs'], { stdio: 'ignore' }));
      const events: unknown[] = [];
      child.on('error', ({ code }: NodeJS.ErrnoException) => events.push(code));
      child.on('exit', (_, signal) => events.push(signal));
      await until(() => events.length >= expected.length, 'it has told all');
      expect(events).toEqual(expected);
      if (child.signalCode !== null) return;
      // It asks again, and that is not told again.
      execFileSync('/bin/kill', ['-CONT', String(child.pid)]);
      await until(() => spy.mock.calls.length > 2, 'it has asked');
      await turns();
      expect(events).toEqual(expected);
      expect(nameOf(child.pid ?? 0)).toBe('freeze-state-jo\n');
    } finally {
      spy.mockRestore();
    }
  });

  it('emits the error of a program that cannot be executed, also where its listeners were removed before', async () => {
    const child = make().spawn(script('lost-listeners', '#!/no/such/interpreter\n'), { stdio: 'ignore' });
    child.removeAllListeners();
    expect(await once(child, 'error')).toMatchObject([{ code: 'ENOENT' }]);
  });

  it('is killed where it may not join and we cannot move it, and emits the error before its exit', async () => {
    const sandbox = makeWithoutJoins();
    const child = sandbox.spawn('/bin/echo', ['it runs'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const why = new Error('no');
    sandbox.state.registerPid = () => {
      throw why;
    };
    const events: unknown[] = [];
    child.on('error', (error) => events.push(error));
    child.on('exit', (_, signal) => events.push(signal));
    const close = new Promise((resolve) => child.on('close', resolve));
    expect(await all(child)).toBe('');
    await close;
    expect(events).toEqual([why, 'SIGKILL']);
  });

  it('begins where it may not join once its state is closed', async () => {
    const sandbox = makeWithoutJoins();
    const child = sandbox.spawn('/bin/echo', ['it runs'], { stdio: ['ignore', 'pipe', 'inherit'] });
    sandbox.state.close();
    expect(await all(child)).toBe('it runs\n');
  });

  it.each(['kill', 'worker'])(
    'does not begin where it may not join and its parent ends while it waits, by %s',
    async (how) => {
      const fixture = join(__dirname, 'fixtures/dies-while-it-waits.cjs');
      const program = start(process.execPath, [fixture, notAGroup(), how]);
      const exit = once(program, 'exit');
      const [line] = (await Promise.race([once(program.stdout, 'data'), exit])) as [Buffer | number];
      const pid = Number(line.toString());
      try {
        if (how === 'kill') expect(await exit).toMatchObject({ 1: 'SIGKILL' });
        await until(() => !existsSync(`/proc/${pid}`) || letterOf(pid) === 'Z', 'it has ended');
        // Until here the main thread of its worker lives.
        program.stdin.end();
        if (how === 'worker') expect(await exit).toEqual([0, null]);
        // It has that output, too.
        expect(await text(program.stdout)).toBe('');
      } finally {
        if (nameOf(pid) === 'freeze-state-jo\n') process.kill(pid, 'SIGKILL');
      }
    },
  );

  it.each(['missing', 'not to be executed'])('is moved by us where the helper is %s', async (what) => {
    const copy = copyOfPackage();
    const helper = join(copy, 'build/Release/freeze-state-joiner');
    if (what === 'missing') rmSync(helper);
    else chmodSync(helper, 0o644);
    expect(await runIn(copy, '{}')).toBe('/bin/sh true 0\n/bin/sh true 0\n');
  });

  it.skipIf(!canBecomeNobody || process.geteuid?.() !== 0)(
    'is moved by us where its user may not execute the helper, which is not tried again for that user',
    async () => {
      const user = `{ uid: ${nobody}, gid: ${nobody} }`;
      // A spawn that fails leaves its listener, in Node as well.
      expect(await runIn(copyOfPackage(), user)).toBe('/bin/sh true 1\n/bin/sh true 1\n');
    },
  );
});

/** In a directory that is closed to other users. */
function copyOfPackage(): string {
  const root = join(__dirname, '../..');
  const copy = mkdtempSync(join(folder, 'copy-'));
  for (const part of ['dist', 'package.json', 'build/Release/freeze_state.node', 'build/Release/freeze-state-joiner'])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Of two children, one after the other: what is executed, whether it is in the group, and how many listeners are left. */
async function runIn(copy: string, options: string): Promise<string> {
  const program = `
    const { Sandbox } = require(${JSON.stringify(join(copy, 'dist/sandbox/index.js'))});
    const { getEventListeners, once } = require('node:events');
    const sandbox = new Sandbox({ mode: 'cgroup', state: { guardian: false }, freezeAfter: false });
    const { signal } = new AbortController();
    (async () => {
      for (let i = 0; i < 2; i += 1) {
        const stdio = ['pipe', 'inherit', 'inherit'];
        const child = sandbox.spawn('/bin/sh', ['-c', 'read line'], { stdio, cwd: '/', signal, ...${options} });
        const group = require('node:fs').readFileSync('/proc/' + child.pid + '/cgroup', 'latin1').match(/^0::.*$/m)[0];
        const isInside = sandbox.state.cgroup.endsWith(group.slice(3));
        child.stdin.end();
        await once(child, 'exit');
        console.log(child.spawnargs[0], isInside, getEventListeners(signal, 'abort').length);
      }
      await sandbox.terminate();
    })();`;
  const node = adopt(spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }));
  return await all(node);
}
