import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The folder of a copy of the package, which the test may spoil. No other user may enter it. */
export function packageCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-state-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const root = join(__dirname, '../..');
  for (const part of ['dist', 'build/Release', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  return folder;
}
