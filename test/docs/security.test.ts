import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');

/** The claims: the items of lists that begin in bold, in these sections. */
const sections = page.split(/^## /m).filter((text) => /^(What a|Which|Why|The guardian|What a hostile)/.test(text));
const claims = sections.flatMap((text) => text.split(/^- (?=\*\*)/m).slice(1));

/** Each file of tests that a claim names, with the titles that follow it. */
function testsOf(claim: string): [file: string, titles: string[]][] {
  const [, tests = ''] = /^ {2}Tests: (.+)$/m.exec(claim) ?? [];
  return tests.split(/; (?=`)/).map((part) => {
    const [, file = ''] = /^`([^`]+)`/.exec(part) ?? [];
    return [file, [...part.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title)];
  });
}

/** As it stands in the source, where a quotation mark of its kind is escaped. */
const unescaped = (source: string): string => source.replaceAll("\\'", "'");

function expectThere(tests: ReturnType<typeof testsOf>): void {
  for (const [file, titles] of tests) {
    const path = join(root, 'test', file);
    expect(file).toMatch(/\.test\.ts$/);
    expect(existsSync(path), file).toBe(true);
    expect(titles, file).not.toEqual([]);
    for (const title of titles) expect(unescaped(readFileSync(path, 'utf8')), file).toContain(title);
  }
}

describe('docs/security.md', () => {
  it('makes claims', () => {
    expect(sections).toHaveLength(5);
    expect(claims.length).toBeGreaterThan(20);
  });

  it.each(claims.map((claim) => [/\*\*(.+?)\*\*/.exec(claim)?.[1], claim] as const))(
    'has tests behind its claim: %s',
    (_, claim) => {
      expectThere(testsOf(claim));
    },
  );

  it.each(['What it trusts', 'Which rights it uses'])('has tests behind its table: %s', (title) => {
    const [section = ''] = page.split(/^## /m).filter((text) => text.startsWith(`${title}\n`));
    const [, tests = ''] = /^Tests: (.+)$/m.exec(section) ?? [];
    expectThere(testsOf(`  Tests: ${tests}`));
  });
});
