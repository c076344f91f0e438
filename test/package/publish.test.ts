import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { root, run } from './run';

// What scripts/check-publish.mjs says of each fault, planted in a package that has no other.

const { exports, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
  files: string[];
};
const exported = [...JSON.stringify(exports).matchAll(/"\.\/(dist\/[^"]+)"/g)].map(([, file = '']) => file);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'freeze-state-publish-'));
  const manifest = { name: 'freeze-state', version: '0.0.0', exports, files };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  for (const file of exported) put(file);
  for (const arch of ['x64', 'arm64']) {
    for (const name of ['.glibc.node', '.musl.node', '-guardian', '-joiner'])
      put(`prebuilds/linux-${arch}/freeze-state${name}`);
    put(`prebuilds/darwin-${arch}/freeze-state.node`);
  }
  list();
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(file: string, content: string | Buffer = 'text'): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode: 0o755 });
}

const remove = (file: string): void => rmSync(join(folder, file));
const list = () => execFileSync(process.execPath, [join(root, 'scripts/list-prebuilds.mjs'), folder]);

async function faults(): Promise<string[]> {
  const { code, stdout, stderr } = await run(process.execPath, [join(root, 'scripts/check-publish.mjs'), folder], {
    cwd: folder,
  });
  expect(stderr).toBe('');
  const found = [...stdout.matchAll(/^ {9}(.+)$/gm)].map(([, fault = '']) => fault);
  expect(code).toBe(found.length === 0 ? 0 : 1);
  return found;
}

it('passes a package that has all', async () => {
  expect(await faults()).toEqual([]);
});

it('wants a binary for each entry, which the list of them has', async () => {
  remove('prebuilds/linux-arm64/freeze-state.musl.node');
  expect(await faults()).toEqual(['there is no addon for linux-arm64-musl']);
  list();
  expect(await faults()).toEqual(['there is no binary for linux-arm64-musl']);
  rmSync(join(folder, 'prebuilds'), { recursive: true });
  expect(await faults()).toHaveLength(6);
});

it('wants the programs beside a binary for Linux, which may be executed', async () => {
  remove('prebuilds/linux-x64/freeze-state-joiner');
  chmodSync(join(folder, 'prebuilds/linux-arm64/freeze-state-guardian'), 0o644);
  list();
  const denied = 'prebuilds/linux-arm64/freeze-state-guardian may not be executed';
  expect((await faults()).sort()).toEqual([
    denied,
    denied,
    'there is no joiner for linux-x64-glibc',
    'there is no joiner for linux-x64-musl',
  ]);
});

it('wants what package.json exports', async () => {
  remove('dist/sandbox/esm.mjs');
  expect(await faults()).toEqual(['there is no dist/sandbox/esm.mjs, which package.json exports']);
});

it('wants less than 6 MB', async () => {
  // Nothing makes it smaller.
  const noise = randomBytes(6_000_000);
  put('dist/noise', noise);
  expect(await faults()).toEqual([expect.stringMatching(/^it has 60\d{5} bytes, and is to have less than 6000000$/)]);
});
