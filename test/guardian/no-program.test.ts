import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { afterMounting, canMountNoexec } from '../helpers/namespaces';
import { packageCopy } from '../helpers/package-copy';
import { canBecomeNobody, nobody, sleeper, start } from '../helpers/processes';
import { launchProgram } from '../helpers/programs';

describe('where there can be no guardian', () => {
  /** `under`: a program that runs node. */
  async function useOf(
    folder: string,
    member: number,
    ...under: string[]
  ): Promise<{ stderr: string; stdout: string }> {
    const program = [join(__dirname, 'fixtures/three-freezes.cjs'), folder, String(member)];
    const child = start(launchProgram, ['none', '--', ...under, process.execPath, ...program]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    return { stdout, stderr };
  }

  it('since its program is missing, states work, and say so once', async () => {
    const folder = packageCopy();
    rmSync(join(folder, 'build/Release/freeze-state-guardian'));
    const { stdout, stderr } = await useOf(folder, sleeper().pid);
    expect(JSON.parse(stdout)).toEqual({
      available: false,
      reason: expect.stringContaining(`There is no program at ${folder}/build/Release/freeze-state-guardian`),
    });
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr).toContain('[FREEZE_STATE_NO_GUARDIAN]');
  });

  it('a state whose members should end with the process warns that they will not', async () => {
    const folder = packageCopy();
    rmSync(join(folder, 'build/Release/freeze-state-guardian'));
    const program = `
      const { FreezeState } = require(${JSON.stringify(folder)});
      for (let i = 0; i < 3; i += 1) new FreezeState({ mode: 'none', onParentDeath: 'kill' }).close();`;
    const child = start(launchProgram, ['none', '--', process.execPath, '-e', program]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => child.once('close', resolve));
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr).toContain("the processes that should end with it (onParentDeath: 'kill') live on");
  });

  const program = (folder: string) => join(folder, 'build/Release/freeze-state-guardian');

  /** What the capabilities and the warning say where the program may not be executed. */
  function expectNotExecutable(folder: string, { stdout, stderr }: { stdout: string; stderr: string }): void {
    // The reason is known before the start, and a moment later by the start itself.
    const known = JSON.parse(stdout.replace('posix_spawn', 'access')) as unknown;
    const reason =
      `${program(folder)} could not be executed (access: EACCES). Where its file system is mounted noexec, or its mode was ` +
      'changed, install the package elsewhere.';
    expect(known).toEqual({ available: false, reason });
    expect(stderr.match(/freeze-state has no guardian/g)).toHaveLength(1);
    expect(stderr.replace('posix_spawn', 'access')).toContain(reason);
  }

  it('since its program has lost the mode to be executed, states work, and say so once', async () => {
    const folder = packageCopy();
    chmodSync(program(folder), 0o644);
    expectNotExecutable(folder, await useOf(folder, sleeper().pid));
  });

  it.runIf(canBecomeNobody)('not since the real user may not execute it', async () => {
    const folder = packageCopy();
    // Node finds a file as the real user.
    chmodSync(folder, 0o755);
    chmodSync(program(folder), 0o700);
    const asked = `console.log(JSON.stringify(require(${JSON.stringify(folder)}).FreezeState.capabilities.guardian))`;
    const child = start('setpriv', ['--ruid', String(nobody), process.execPath, '-e', asked]);
    expect(JSON.parse(await text(child.stdout))).toEqual({ available: true });
  });

  it.runIf(canMountNoexec)('since its program is where nothing may be executed, likewise', async () => {
    const folder = packageCopy();
    const elsewhere = join(folder, 'noexec');
    mkdirSync(elsewhere);
    const mounting = `mount -t tmpfs -o noexec none '${elsewhere}' && cp '${program(folder)}' '${elsewhere}/program' &&
      mount --bind '${elsewhere}/program' '${program(folder)}'`;
    expectNotExecutable(folder, await useOf(folder, sleeper().pid, ...afterMounting(mounting)));
  });
});
