import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './run';

it('CONTRIBUTING.md lists the scripts of package.json, in their order', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  const section = /^## Scripts\n(.+?)^## /ms.exec(text)?.[1] ?? '';
  // One row a script: its name in the first cell, and a line on it in the second.
  const rows = [...section.matchAll(/^\| `([\w:-]+)` \| (\S.+) \|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(Object.keys(scripts));
});
