import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Run, root, run } from './run';

describe('the check of the API reference', () => {
  // A copy of all that it reads.
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'freeze-state-api-'));
    const parts = ['lib', 'docs/api', 'scripts/check-api.sh', 'package.json', 'tsconfig.json', 'typedoc.config.mjs'];
    for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const check = (): Promise<Run> => run('bash', ['scripts/check-api.sh'], { cwd: folder });

  it('passes the docstrings and pages of this tree', async () => {
    expect(await check()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('names what is exported without a docstring, a link that leads nowhere, and a type that is not exported', async () => {
    appendFileSync(
      join(folder, 'lib/api.ts'),
      `export function undocumented(): void {}
      /** See {@link nowhere}. */
      export function linking(): void {}
      interface Unexported {}
      /** Gives it. */
      export function giving(): Unexported { return {}; }\n`,
    );
    const { code, stdout, stderr } = await check();
    expect(code).not.toBe(0);
    const said = stdout + stderr;
    expect(said).toMatch(/undocumented.*does not have any documentation/);
    expect(said).toMatch(/resolve link to "nowhere" in comment for freeze-state.linking/);
    expect(said).toMatch(/Unexported,.* is referenced by .*giving.* but not included/);
  });

  it('names a page that differs, one that is missing, and one that is of nothing', async () => {
    // It is given what TypeDoc makes, as the first test shows, since TypeDoc takes seconds.
    const made = join(folder, 'made');
    cpSync(join(root, 'docs/api'), made, { recursive: true });
    const bin = join(folder, 'node_modules/.bin');
    rmSync(join(folder, 'node_modules'));
    mkdirSync(bin, { recursive: true });
    const typedoc = `#!/bin/bash\n[[ $# == 4 && "$*" == "--logLevel Warn --out "* ]] && cp -r '${made}/.' "$4"\n`;
    writeFileSync(join(bin, 'typedoc'), typedoc, { mode: 0o755 });
    const classes = join(folder, 'docs/api/freeze-state/classes');
    appendFileSync(join(classes, 'FreezeState.md'), 'planted\n');
    renameSync(join(classes, 'FreezeError.md'), join(classes, 'Nothing.md'));
    const { code, stdout, stderr } = await check();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^--- docs\/api\/freeze-state\/classes\/FreezeState\.md.*\n(.*\n){3,4}-planted$/m);
    expect(stdout).toMatch(/^Only in \/.*\/classes: FreezeError\.md$/m);
    expect(stdout).toMatch(/^Only in docs\/api\/freeze-state\/classes: Nothing\.md$/m);
    expect(stderr).toContain('docs/api is not what the docstrings say: run npm run docs:api');
  });
});
