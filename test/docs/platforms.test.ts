import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const page = read('docs/platforms.md');
const manifest = JSON.parse(read('package.json')) as { engines: { node: string } };

describe('docs/platforms.md', () => {
  it('names the versions of Node that package.json allows and .ci/run tests, as other pages do', () => {
    const [, oldest = '', newest = ''] = /oldest_node=(\S+) newest_node=(\S+)/.exec(read('.ci/run')) ?? [];
    const [, engine = ''] = /^>=(\d+\.\d+)$/.exec(manifest.engines.node) ?? [];
    expect(oldest).toBe(`${engine}.0`);
    expect(page).toContain(
      `the oldest one that is supported, ${oldest}, and on the newest one that it knows, ${newest}.`,
    );
    for (const file of ['README.md', 'CONTRIBUTING.md']) expect(read(file), file).toContain(`Node ${engine} or later`);
    expect(page).toContain(`Node ${engine} and every later version is supported`);
    expect(read('CHANGELOG.md')).toContain(`for Node ${engine} and later.`);
  });

  it('says that nothing is deprecated, while no docstring says otherwise', () => {
    const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.m?ts$/.test(file),
    );
    const deprecated = files.filter((file) => read(join('lib', file)).includes('@deprecated'));
    expect(page.includes('Nothing is deprecated now.')).toBe(deprecated.length === 0);
  });
});
