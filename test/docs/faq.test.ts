import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { FreezeMode } from 'freeze-state';
import { afterAll, describe, expect, it } from 'vitest';
import { endWithGroup } from '../helpers/children';
import { childEnvironment } from '../helpers/environment';
import { signallingModes } from '../helpers/modes';
import { canMakePidNamespace, inPidNamespace } from '../helpers/namespaces';
import { cgroupMount } from '../helpers/proc';
import { canBecomeNobody, nobody, start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/faq.md'), 'utf8');

/** The answers of the page, by their questions. */
const answers = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)] as const),
);

function answer(question: RegExp): string {
  const found = [...answers].filter(([title]) => question.test(title));
  expect(found).toHaveLength(1);
  return found[0]?.[1] ?? '';
}

/** The one block of code in this language below the question. */
function block(question: RegExp, language: string): string {
  const blocks = [...answer(question).matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, name]) => name === language);
  expect(blocks).toHaveLength(1);
  return blocks[0]?.[2] ?? '';
}

/** A project of a user, inside of the package, where its own name leads to it. Any user may read it. */
const folder = mkdtempSync(join(root, 'build/page-'));
const bin = join(folder, 'bin');
mkdirSync(bin);
function writeProgram(name: string, command: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
}
// What npx does in a project that has the package.
writeProgram('npx', '');
writeProgram('freeze-state', `'${process.execPath}' '${join(root, 'dist/doctor/main.js')}'`);
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, with the programs of the project; what it leaves behind ends with the test. */
async function run(command: readonly string[], cwd = folder): Promise<Ending> {
  const [program = '', ...args] = command;
  const env = childEnvironment();
  const path = [bin, dirname(process.execPath), join(root, 'node_modules/.bin'), env['PATH']].join(delimiter);
  const child = start(program, args, { cwd, detached: true, env: { ...env, PATH: path } });
  endWithGroup(child);
  child.stdin.end();
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

/** The JavaScript below the question, as a file, with time for a slow machine. */
function moduleOf(question: RegExp): string {
  const file = join(folder, 'example.mjs');
  const code = block(question, 'js');
  const patient = code
    .replaceAll('FreezeAtEpoch(sandbox.currentEpoch)', 'FreezeAtEpoch(sandbox.currentEpoch, { timeout: 60_000 })')
    .replace('new Sandbox()', 'new Sandbox({ confirm: { timeout: 60_000 } })');
  writeFileSync(file, patient);
  return file;
}

/** Without what differs from run to run and from machine to machine. */
function lasting(output: string): string {
  return output
    .replace(/^freeze-state \S+ on Node \S+, linux \w+, kernel \S+, (root|user \d+)$/m, 'freeze-state ...')
    .replace(/[\d.]+ (ms|ns)/g, '... $1')
    .replace(/pid: \d+/g, 'pid: N')
    .replace(/\/\S* (is mounted read-only)/, '/... $1');
}

const success = { code: 0, signal: null, stderr: '' };
/** What the page says that it prints. */
const printed = (question: RegExp) => lasting(block(question, 'text'));

describe('docs/faq.md', () => {
  it('has ten questions, each in its table of contents and with a command or code', () => {
    const titles = [...answers.keys()];
    expect(titles).toHaveLength(10);
    expect([...page.matchAll(/^- \[(.+\?)\]\(#/gm)].map(([, title]) => title)).toEqual(titles);
    for (const [title, body] of answers) expect(body, title).toMatch(/^```(js|sh)$/m);
  });

  it.each([/WSL/, /Mac/])('says of what was not tested that it was not, and how to find out: %s', (question) => {
    expect(answer(question)).toContain('It was not tested there');
    expect(block(question, 'sh')).toContain('npx freeze-state doctor');
  });

  it.each([/TCP/, /cost/])('prints what it says, for the question of %s', async (question) => {
    const { stdout, ...ending } = await run([process.execPath, moduleOf(question)]);
    expect(ending).toEqual(success);
    expect(lasting(stdout)).toBe(printed(question));
  });

  it('shows that what a killed emulator had frozen runs again', async () => {
    const ending = await run([process.execPath, moduleOf(/crash/)]);
    expect(ending).toEqual({ code: null, signal: 'SIGKILL', stdout: printed(/crash/), stderr: '' });
  });

  it('names the mode to take', async () => {
    const { stdout, ...ending } = await run([process.execPath, moduleOf(/mode/)]);
    expect(ending).toEqual(success);
    expect(printed(/mode/)).toBe('cgroup\n');
    expect(stdout).toBe(signallingModes.includes(FreezeMode.Cgroup) ? 'cgroup\n' : 'process-tree\n');
  });

  // Where no process of the machine is seen, which somebody else may have stopped.
  it.runIf(canMakePidNamespace)('shows what is frozen, from inside and from outside', async () => {
    const { stdout, ...ending } = await run([...inPidNamespace, process.execPath, moduleOf(/find out/)]);
    expect(ending).toEqual(success);
    // How many lines an object takes depends on the length of its pid.
    const words = (output: string) => output.split(/\s+/);
    expect(words(lasting(stdout))).toEqual(words(printed(/find out/)));
  });

  it('has the exit code of the doctor', async () => {
    const { stdout, ...ending } = await run(['sh', '-c', block(/WSL/, 'sh')]);
    expect(ending).toEqual(success);
    expect(stdout).toBe(printed(/WSL/));
    expect(readFileSync(join(folder, 'report.txt'), 'utf8')).toContain('Take mode process-tree.');
  });

  // What the page says of it: namespaces, cgroups that are read-only, and the capabilities that Docker leaves by default.
  const hasCgroups = signallingModes.includes(FreezeMode.Cgroup);
  it.runIf(canMakePidNamespace && hasCgroups)('shows what works in a container', async () => {
    const [, command = ''] = /(npx freeze-state .+)\n/.exec(block(/Docker/, 'sh')) ?? [];
    const left =
      'chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod';
    const capabilities = ['-all', ...`${left} audit_write setfcap`.split(' ').map((name) => `+${name}`)].join(',');
    const withLess = `setpriv --bounding-set=${capabilities} --inh-caps=-all ${command}`;
    const setUp = `mount -o remount,bind,ro ${cgroupMount()} && exec ${withLess}`;
    const { stdout, ...ending } = await run([...inPidNamespace, 'sh', '-c', setUp]);
    expect(ending).toEqual(success);
    expect(lasting(stdout)).toBe(printed(/Docker/));
  });

  // Root becomes one first.
  const asPlainUser = canBecomeNobody ? [launchProgram, `user=${nobody}`, '--'] : [];
  const [probe = '', ...probeArgs] = [...asPlainUser, 'unshare', '--user', '--map-root-user', 'true'];
  const canMakeUserNamespace = spawnSync(probe, probeArgs).status === 0;

  it.runIf(canMakePidNamespace && canMakeUserNamespace)('shows what works in a namespace of a plain user', async () => {
    const { stdout, ...ending } = await run([...asPlainUser, 'sh', '-c', block(/rootless/, 'sh')]);
    expect(ending).toEqual(success);
    expect(lasting(stdout)).toBe(printed(/rootless/));
  });

  it('shows a part of the test in docs/testing.md as it is, and how that fails', async () => {
    expect(readFileSync(join(root, 'examples/testing/orders.test.ts'), 'utf8')).toContain(block(/CI/, 'ts'));
    const { code, stdout, stderr } = await run(['sh', '-c', block(/CI/, 'sh')], root);
    expect(code).toBe(1);
    expect(stripVTControlCharacters(stdout + stderr)).toContain(block(/CI/, 'text'));
  });

  it('names benchmarks that there are', () => {
    const named = [...page.matchAll(/npm run bench -- (\w+)/g)].map(([, name]) => `${name}.mts`);
    expect(named).not.toEqual([]);
    expect(readdirSync(join(root, 'bench/trials'))).toEqual(expect.arrayContaining(named));
  });
});
