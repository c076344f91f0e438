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

it('the tasks of .vscode run scripts of package.json, and its configurations run tasks', () => {
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: object };
  const named = (path: string, pattern: RegExp) => [...read(path).matchAll(pattern)].map(([, name]) => name);
  const tasks = '.vscode/tasks.json';
  const run = [...named(tasks, /"script": "(.+?)"/g), ...named(tasks, /npm run ([\w:-]+)/g)];
  expect(run).toContain('compile');
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(run));
  const before = named('.vscode/launch.json', /"preLaunchTask": "(.+?)"/g);
  expect(before).not.toEqual([]);
  expect(named(tasks, /"label": "(.+?)"/g)).toEqual(expect.arrayContaining(before));
});

it('the tasks of .vscode have no problem matcher but that of TypeScript, which comes with the editor', () => {
  const matchers = readFileSync(join(root, '.vscode/tasks.json'), 'utf8').match(/"\$\w+"/g);
  expect(new Set(matchers)).toEqual(new Set(['"$tsc"']));
});

it('the development container is set up by commands that .ci/run runs or CONTRIBUTING.md has', () => {
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const withoutComments = read('.devcontainer/devcontainer.json').replace(/^\s*\/\/.*$/gm, '');
  const { postCreateCommand, customizations } = JSON.parse(withoutComments);
  const commands: string[] = postCreateCommand.split(' && ');
  expect(commands).toHaveLength(4);
  const known = read('.ci/run') + read('CONTRIBUTING.md');
  expect(commands.filter((command) => !known.includes(command))).toEqual([]);
  const recommended = read('.vscode/extensions.json').replace(/^\s*\/\/.*$/gm, '');
  expect(customizations.vscode.extensions).toEqual(JSON.parse(recommended).recommendations);
});
