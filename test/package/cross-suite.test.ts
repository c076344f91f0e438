import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root, run, userEnvironment } from './run';

// scripts/cross/test-suite.sh, with a program in the place of vitest that uses what it is told to.

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'freeze-state-cross-suite-'));
  cpSync(join(root, 'scripts/cross/test-suite.sh'), join(folder, 'scripts/cross/test-suite.sh'));
  for (const name of ['.glibc.node', '-guardian', '-joiner']) put(`prebuilds/linux-x64/freeze-state${name}`, 'cross\n');
  put('build/Release/freeze_state.node', 'compiled\n');
  mkdirSync(join(folder, 'tmp'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(file: string, text: string): string {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Whether a read of a file here sets its time of access, by which the script tells what was used. */
function hasAccessTimes(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'freeze-state-atime-'));
  try {
    const file = join(directory, 'file');
    writeFileSync(file, 'text');
    utimesSync(file, 0, 0);
    readFileSync(file);
    return statSync(file).atimeMs > 0;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const suite = (commands: string, ...options: string[]) => suiteIn({}, commands, ...options);

function suiteIn(environment: NodeJS.ProcessEnv, commands: string, ...options: string[]) {
  chmodSync(put('node_modules/.bin/vitest', `#!/bin/bash\nset -e\n${commands}\n`), 0o755);
  const env = {
    ...userEnvironment(),
    TMPDIR: join(folder, 'tmp'),
    FREEZE_STATE_ADDON: '/another.node',
    ...environment,
  };
  return run('bash', [join(folder, 'scripts/cross/test-suite.sh'), ...options], { cwd: '/', env });
}

const useAll = 'cat build/Release/*';

// Mounted with noatime, the file system of the temporary folder tells nothing of what was read.
const access = hasAccessTimes() ? '' : ` (skipped: ${tmpdir()} keeps no times of access)`;
describe.skipIf(access !== '')(`scripts/cross/test-suite.sh${access}`, () => {
  it('runs the tests with the binaries of prebuilds/, and says that all were used', async () => {
    const ending = await suite(`${useAll}; echo "$@" [$FREEZE_STATE_ADDON]`, 'test/freeze', '-t', 'x');
    const [used, options] = ['cross\n'.repeat(3), 'run --project tree test/freeze -t x []\n'];
    const report =
      'All three binaries of prebuilds/linux-x64 were used, and build/Release/freeze_state.node of this tree was not.\n';
    expect(ending).toEqual({ code: 0, stdout: used + options + report, stderr: '' });
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  it.each(['freeze_state.node', 'freeze-state-guardian', 'freeze-state-joiner'])(
    'fails where no test has used %s, though one has found it',
    async (name) => {
      const { code, stderr } = await suite(
        `rest=$(ls build/Release/* | grep -v /${name}); cat $rest; test -s build/Release/${name}`,
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`: no test has used build/Release/${name} of prebuilds/linux-x64\n$`));
    },
  );

  it('fails where a test has read the addon that was compiled in the tree', async () => {
    const { code, stderr } = await suite(`${useAll} ${folder}/build/Release/freeze_state.node`);
    expect(code).toBe(1);
    expect(stderr).toContain(': build/Release/freeze_state.node of this tree was read meanwhile');
  });

  it('fails as the tests do, and keeps their report', async () => {
    const { code, stderr } = await suite(`${useAll}; mkdir -p .cache/reports; echo > .cache/reports/one.json; exit 3`);
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(readdirSync(join(folder, '.cache/reports'))).toEqual(['one.json']);
  });
});

it('runs no test where the file system keeps no times of access', async () => {
  chmodSync(put('bin/stat', '#!/bin/sh\necho 0\n'), 0o755);
  const env = { PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` };
  const { code, stdout, stderr } = await suiteIn(env, 'echo run');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('keeps no times of access');
  expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
});
