import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { thisTarget } from '../../dist/target';
import { loaders, programWith } from './elf';
import { libc, otherLibc, target } from './libc';

const folder = mkdtempSync(join(tmpdir(), 'freeze-state-target-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { execPath } = process;
afterEach(() => {
  process.execPath = execPath;
});

/** The C library that it finds where the program of this process is that file. */
function libcOf(program: Buffer | string): string | undefined {
  process.execPath = join(folder, 'program');
  writeFileSync(process.execPath, program);
  return thisTarget().split('-').at(-1);
}

/** The program with these bytes at the offset. */
function changed(program: Buffer, offset: number, ...bytes: readonly number[]): Buffer {
  program.set(bytes, offset);
  return program;
}

/** Names the one that is not this machine's, which the report would never tell. */
const other = programWith(loaders[otherLibc]);
const copy = (): Buffer => Buffer.from(other);
const all = Array.from({ length: 8 }, () => 0xff);

it('finds the target of Node itself', () => {
  expect(thisTarget()).toBe(target);
});

describe('the C library is that of the loader', () => {
  it.each(['glibc', 'musl'] as const)('%s is recognized by the path of its loader', (name) => {
    expect(libcOf(programWith(loaders[name]))).toBe(name);
  });

  it.each([
    { where: 'its path', layout: { path: 5000 } },
    { where: 'the table of program headers', layout: { table: 100_000, path: 200 } },
    { where: 'both', layout: { table: 200_000, path: 100_000 } },
  ])('with $where beyond the first page', ({ layout }) => {
    expect(libcOf(programWith(loaders[otherLibc], layout))).toBe(otherLibc);
  });

  it('another path in the first page is ignored', () => {
    const program = programWith(loaders[otherLibc], { path: 5000 });
    program.write(loaders[libc], 1000, 'latin1');
    expect(libcOf(program)).toBe(otherLibc);
  });

  it('whatever size its path is said to have', () => {
    expect(libcOf(changed(copy(), 64 + 56 + 32, ...all))).toBe(otherLibc);
  });
});

describe('the report tells the C library where the program', () => {
  it.each<[string, Buffer | string]>([
    ['names a loader by another name', programWith('/lib64/ld64.so.2')],
    ['names no loader', changed(copy(), 64 + 56, 1)],
    ['has no program headers', changed(copy(), 56, 0, 0)],
    ['is empty', ''],
    ['is a script', `#!${loaders[otherLibc]}\n`],
    ['is of 32 bits', changed(copy(), 4, 1)],
    ['is big-endian', changed(copy(), 5, 2)],
    ['is cut in its header', other.subarray(0, 50)],
    ['is cut in its first program header', other.subarray(0, 66)],
    ['is cut in its second one', other.subarray(0, 64 + 56 + 20)],
    ['has its program headers beyond its end', changed(copy(), 32, 0, 0, 1)],
    ['has them where no file goes', changed(copy(), 32, ...all)],
    ['has its path beyond its end', changed(copy(), 64 + 56 + 8, 0, 0, 1)],
    ['has its path where no file goes', changed(copy(), 64 + 56 + 8, ...all)],
    ['is noise', Buffer.from(other.map((byte, at) => (at < 6 ? byte : (at * 167) % 256)))],
  ])('%s', (_, program) => {
    expect(libcOf(program)).toBe(libc);
  });

  it('is a directory, or is not there', () => {
    process.execPath = folder;
    expect(thisTarget()).toBe(target);
    process.execPath = join(folder, 'nothing');
    expect(thisTarget()).toBe(target);
  });
});
