import { copyFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { canMakePidNamespace } from '../helpers/namespaces';
import { type NodeOptions, runInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { sideEffectLibrary } from '../helpers/programs';

// Where the program is missing or may not be executed: no-program.test.ts.

interface Use {
  readonly known: { readonly available: boolean; readonly reason: string };
  readonly warnings: string;
}

/** Freezes and thaws a process three times, with what the library does done before, and tells what becomes of the guardian. */
async function use(effect: string, options: NodeOptions = {}): Promise<Use> {
  const { pid } = sleeper();
  const { code, stdout, stderr } = await runInNode(
    ({ FreezeState, stoppedNow, runningNow, untilNow }, library, does, member) => {
      process.env['FREEZE_TEST_SIDE_EFFECT'] = does;
      try {
        if (does !== '') process.dlopen({ exports: {} }, library);
      } catch {
        // It is no addon of Node's.
      }
      for (let i = 0; i < 3; i += 1) {
        const state = new FreezeState('process', member);
        if (!state.freezeAtEpoch(0)) throw new Error('not frozen');
        stoppedNow(member);
        state.close();
        runningNow(member);
      }
      const known = () => FreezeState.capabilities.guardian;
      untilNow(() => !known().available, 'it is known that there is none');
      // At the latest this state prints the warning.
      new FreezeState('process', member).close();
      return known();
    },
    [sideEffectLibrary, effect, pid],
    options,
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  await running(pid);
  // The reason is known before the start, and a moment later by the start itself.
  const [known, warnings] = [stdout, stderr].map((text) => text.replace('posix_spawn: ENOENT', 'access: ENOENT'));
  return { known: JSON.parse(known as string) as Use['known'], warnings: warnings as string };
}

function expectNone({ known, warnings }: Use, reason: string): void {
  expect(known).toEqual({ available: false, reason });
  expect(warnings.match(/freeze-state has no guardian/g)).toHaveLength(1);
  expect(warnings).toContain(reason);
}

describe('where no guardian can be started, states work, and say once what to do', () => {
  /** As Electron does it: the addon is found in an archive, and loaded from a folder where it was unpacked. */
  function unpacked(...files: string[]): { folder: string; options: NodeOptions } {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'freeze-state-unpacked-')));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const built = join(__dirname, '../../build/Release');
    for (const file of files) copyFileSync(join(built, file), join(folder, file));
    const [packed, addon] = [built, folder].map((at) => JSON.stringify(join(at, 'freeze_state.node')));
    const hook = join(folder, 'hook.cjs');
    writeFileSync(
      hook,
      `const { dlopen } = process;
       process.dlopen = (module, file, ...rest) => dlopen(module, file === ${packed} ? ${addon} : file, ...rest);`,
    );
    return { folder, options: { node: ['--require', hook] } };
  }

  it('since the addon alone was unpacked from an archive', async () => {
    const { folder, options } = unpacked('freeze_state.node');
    expectNone(
      await use('', options),
      `There is no program at ${join(folder, 'freeze-state-guardian')} (access: ENOENT). It lies beside the addon: copy ` +
        'both where the package is bundled, and keep both out of an archive.',
    );
  });

  it('there is a guardian if its program was unpacked too', async () => {
    const { options } = unpacked('freeze_state.node', 'freeze-state-guardian');
    const { stdout, stderr } = await runInNode(
      ({ FreezeState }) => {
        new FreezeState('process').close();
        return FreezeState.capabilities.guardian;
      },
      [],
      options,
    );
    expect({ known: JSON.parse(stdout), stderr }).toMatchObject({ known: { available: true }, stderr: '' });
  });

  it('since a seccomp filter forbids to execute programs', async () => {
    expectNone(
      await use('no-exec'),
      'It could not be started (posix_spawn: EPERM). A seccomp filter or a security module forbids that: allow it.',
    );
  });

  it('since there is no memory', async () => {
    expectNone(
      await use('', { launch: [`deny=memfd_create:${constants.errno.ENOMEM}`] }),
      'It could not be started (memfd_create: ENOMEM). Memory is short: allow this process more of it.',
    );
  });

  it.runIf(process.geteuid?.() === 0 && canMakePidNamespace)(
    'since what is started is in another pid namespace',
    async () => {
      expectNone(
        await use('pid-namespace'),
        'It could not be started (pthread_create: EINVAL). What this process starts is put into a new pid namespace ' +
          '(unshare(1)): start the emulator itself in that namespace.',
      );
    },
  );
});
