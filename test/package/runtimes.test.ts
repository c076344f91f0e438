import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type FreezeMode, FreezeState } from 'freeze-state';
import { afterEach, describe, expect, it } from 'vitest';
import { running } from '../helpers/proc';
import { start } from '../helpers/processes';
import { root, run } from './run';

// Other runtimes than Node: `npm run test:runtimes` downloads them, some 240 MB. Where they are, they are tested.
const isWanted = process.env['FREEZE_STATE_RUNTIMES'] !== undefined;

const modules = join(root, '.cache', 'runtimes', 'node_modules');
const smoke = join(__dirname, 'fixtures', 'smoke.mjs');

const deno = join(modules, '@deno', `linux-${process.arch}-glibc`, 'deno');
const runtimes = [
  { name: 'Node', command: process.execPath, options: [] },
  { name: 'Bun', command: join(modules, '@oven', `bun-linux-${process.arch}`, 'bin', 'bun'), options: [] },
  { name: 'Deno', command: deno, options: ['run', '--no-prompt', '--allow-all'] },
];

const members: number[] = [];
afterEach(() => {
  for (const pid of members.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
});

/** What the machine lacks is not asked of another runtime. */
const has = (mode: FreezeMode): boolean => FreezeState.capabilities.modes[mode].available;

const isInstalled = ({ command }: { command: string }) => isWanted || existsSync(command);

describe.each(runtimes.filter(isInstalled))('$name', ({ command, options }) => {
  const does = (what: string) => run(command, [...options, smoke, root, what], { cwd: root });

  it('freezes and thaws in every mode', async () => {
    const { stdout, stderr } = await does('modes');
    expect(stderr).toBe('');
    const one = { isFrozen: true, told: true, stopped: true, thawed: true };
    const none = { isFrozen: false, stopped: false, thawed: true };
    expect(JSON.parse(stdout)).toEqual({
      none,
      process: one,
      'process-group': one,
      'process-tree': one,
      ...(has('cgroup') && { cgroup: one }),
    });
  });

  it('ends a sandbox with all that it has started', async () => {
    const ended = { isFrozen: true, ended: 2 };
    const { stdout, stderr } = await does('sandbox');
    expect({ results: JSON.parse(stdout), stderr }).toEqual({
      results: { 'process-tree': ended, ...(has('cgroup') && { cgroup: ended }) },
      stderr: '',
    });
  });

  it('is told of a thaw in another thread', async () => {
    expect(await does('worker')).toEqual({
      code: 0,
      stdout: '{"epoch":1,"isFrozen":false,"isOpen":true}\n',
      stderr: '',
    });
  });

  it.each(['return', 'exit', 'throw', 'kill'])('leaves nothing stopped at its end by %s', async (end) => {
    const child = start(command, [...options, smoke, root, end]);
    const exit = once(child, 'exit');
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { pid, guardian } = JSON.parse(line.toString()) as { pid: number; guardian: unknown };
    members.push(pid);
    expect(guardian).toMatchObject({ available: true });
    await exit;
    await running(pid);
  });
});

describe.each([{ command: deno }].filter(isInstalled))('Deno without all permissions', () => {
  const under = (options: readonly string[], what: string) =>
    run(deno, ['run', '--no-prompt', ...options, smoke, root, what], { cwd: root });
  const few = ['--allow-ffi', '--allow-read', '--allow-env'];

  it('runs a state with few', async () => {
    const { code, stdout, stderr } = await under([...few, '--allow-run'], 'modes');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ 'process-tree': { isFrozen: true, thawed: true } });
  });

  it('says that it takes --allow-ffi', async () => {
    const { code, stderr } = await under(few.slice(1), 'modes');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'freeze-state is a native addon, which Deno loads only with --allow-ffi: Requires ffi access',
    );
  });

  it('makes no sandbox, which would miss what its processes start', async () => {
    const { code, stderr } = await under([...few, '--allow-run'], 'sandbox');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'A sandbox finds in /proc what its processes have started, and this process may not read it: Requires',
    );
    expect(stderr).toContain('Give Deno --allow-all');
    expect(stderr).toContain('https://github.com/denoland/deno/issues/25055');
  });
});

describe('Node with the permission model', () => {
  const option = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  const under = (...options: readonly string[]) => {
    // Node 20.19.0 looks for `${root}.js` as well.
    const read = [`--allow-fs-read=${root}*`, ...options];
    const words = [option, '--no-warnings', '--allow-addons', '--allow-child-process', ...read, smoke, root, 'sandbox'];
    return run(process.execPath, words, { cwd: root });
  };

  it('makes no sandbox where it may not read /proc', async () => {
    const { code, stderr } = await under();
    expect(code).toBe(1);
    expect(stderr).toContain(
      'A sandbox finds in /proc what its processes have started, and this process may not read it',
    );
    expect(stderr).toContain("code: 'ERR_ACCESS_DENIED'");
  });

  it('ends a sandbox with all that it has started where it may', async () => {
    const { stdout, stderr } = await under('--allow-fs-read=/proc/*');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ 'process-tree': { isFrozen: true, ended: 2 } });
  });
});
