import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasClangFormat } from '../helpers/tools';
import { root } from './run';

describe('the hook before a commit', () => {
  let folder: string;
  /** Nothing of the user's own: neither configuration nor, within a hook, the repository. */
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b.c',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b.c',
  };
  const git = (...words: string[]) => execFileSync('git', words, { cwd: folder, env, encoding: 'utf8' });
  const commit = () =>
    spawnSync('git', ['commit', '--quiet', '--message', 'x'], { cwd: folder, env, encoding: 'utf8' });

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'freeze-state-hook-'));
    git('init', '--quiet');
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const file of ['biome.json', '.clang-format', '.gitignore'])
      copyFileSync(join(root, file), join(folder, file));
    git('add', '--all');
    git('config', 'core.hooksPath', join(root, '.githooks'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function expectRefusal(file: string, text: string): void {
    write(file, text);
    git('add', '--all');
    const { status, stderr } = commit();
    expect(status).not.toBe(0);
    expect(stderr).toContain('run npm run format, stage the changes, and commit again');
    expect(git('rev-list', '--all')).toBe('');
  }

  it('refuses TypeScript that is not formatted, and says what to do', () => {
    expectRefusal('lib/a.ts', "export   const a = 'a';\n");
  });

  it('refuses TypeScript that the lint rejects, and says what to do', () => {
    expectRefusal('lib/a.ts', 'export let a: any;\n');
  });

  it.skipIf(!hasClangFormat)('refuses C++ that is not formatted, and says what to do (needs clang-format-19)', () => {
    expectRefusal('native/a.cpp', 'int  a = 1;\n');
  });

  it('lets a commit of formatted files pass, whatever else the working tree holds', () => {
    write('lib/a.ts', "export const a = 'a';\n");
    git('add', '--all');
    write('lib/a.ts', "export   const a = 'a';\n");
    write('lib/b.ts', "export   const b = 'b';\n");
    const { status, stderr } = commit();
    expect(status, stderr).toBe(0);
    expect(git('show', '--name-only', '--format=')).toContain('lib/a.ts');
  });
});
