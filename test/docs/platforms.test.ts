import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const page = read('docs/platforms.md');
interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
}
const manifest = JSON.parse(read('package.json')) as Manifest;

/** The targets of prebuild-all, as it names them where it is asked for one that it does not have. */
function made(): string[] {
  const script = join(root, 'scripts/cross/prebuild-all.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, 'none'], { encoding: 'utf8' });
  expect(status).toBe(2);
  const [, names = ''] = /Those are: (.+)\.$/m.exec(stderr) ?? [];
  return names.split(', ');
}

/** The rows of the table of binaries, as the targets that each is about and the rest of the row. */
function rows(): [targets: string[], rest: string][] {
  const [, table = ''] = /^\| binary \| .+\n.+\n((?:\|.+\n)+)/m.exec(page) ?? [];
  return [...table.matchAll(/^\| (.+?) \| (.+) \|$/gm)].map(([, names = '', rest = '']) => [
    [...names.matchAll(/`(.+?)`/g)].map(([, name = '']) => name),
    rest,
  ]);
}

describe('docs/platforms.md', () => {
  it('says of each binary whether npm run prebuild:all makes it', () => {
    const isMissing = (rest: string) => rest.includes('not made yet');
    const targets = rows().flatMap(([names, rest]) => names.map((name) => ({ name, isMade: !isMissing(rest) })));
    const entries = Object.keys(manifest.exports).filter((name) => /-(glibc|musl)$|darwin-/.test(name));
    expect(targets.map(({ name }) => `./${name}`).sort()).toEqual(entries.sort());
    expect(
      targets
        .filter(({ isMade }) => isMade)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(made().sort());
  });

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

  it('has the version of package.json, as other pages do', () => {
    const { version } = manifest;
    const [, minor = 0, patch = 0] = version.split('.').map(Number);
    expect(page).toContain(`The first will be ${version}:`);
    expect(page).toContain(`0.${minor} to 0.${minor + 1} |`);
    expect(page).toContain(`${version} to 0.${minor}.${patch + 1} |`);
    expect(read('CHANGELOG.md')).toContain(`will be published, as ${version},`);
    const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`);
    const named = ['README.md', ...pages.filter((file) => file.endsWith('.md'))].flatMap((file) =>
      [...read(file).matchAll(/\bfreeze-state[- @](\d+\.\d+\.\d+)/g)].map(([, found]) => `${file}: ${found}`),
    );
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((one) => !one.endsWith(`: ${version}`))).toEqual([]);
    expect(read('examples/vercel-fun/upstream.patch')).toContain(`+    "freeze-state": "${version}",`);
  });

  it('says that nothing is deprecated, while no docstring says otherwise', () => {
    const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.m?ts$/.test(file),
    );
    const deprecated = files.filter((file) => read(join('lib', file)).includes('@deprecated'));
    expect(page.includes('Nothing is deprecated now.')).toBe(deprecated.length === 0);
  });
});

/** The rows of the README's table of platforms. */
function platforms(): string[] {
  const [, table = ''] = /^### Platforms\n\n((?:\|.+\n)+)/m.exec(read('README.md')) ?? [];
  return table.trim().split('\n');
}

it('README.md says of each platform whether a binary is built', () => {
  const targets = made();
  const isBuilt = (start: string) => targets.some((target) => target.startsWith(start));
  const rowOf = (start: string) => platforms().find((row) => row.startsWith(`| ${start}`)) ?? '';
  for (const arch of ['x64', 'arm64']) {
    expect(rowOf(`Linux on ${arch}, glibc`).includes('| built |')).toBe(targets.includes(`linux-${arch}-glibc`));
    expect(rowOf(`Linux on ${arch} with musl`).includes('| built |')).toBe(targets.includes(`linux-${arch}-musl`));
  }
  expect(rowOf('macOS')).toContain(isBuilt('darwin') ? '| built, not run | none |' : '| none yet | none |');
  expect(rowOf('Windows')).toContain('| none |');
});

it.each(['README.md', 'docs/platforms.md'])(
  '%s says that all tests ran with the binaries of which npm run test:cross takes one',
  (file) => {
    const [, name = ''] = /^readonly from=prebuilds\/(\S+)/m.exec(read('scripts/cross/test-suite.sh')) ?? [];
    expect(name).toBe('linux-x64');
    const about = file === 'README.md' ? platforms() : rows().map(([names, rest]) => `${names.join()} ${rest}`);
    const saying = about.filter((row) => row.includes('npm run test:cross'));
    expect(saying).toHaveLength(1);
    expect(saying[0]).toMatch(/\ball\b/);
    expect(saying[0]).toContain(file === 'README.md' ? 'Linux on x64, glibc' : `${name}-glibc`);
  },
);
