// Reads what vitest's JSON reporter writes.
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

export const linesOf = (text) => stripVTControlCharacters(text).trimEnd().split('\n');

/** The file by its path in the tree, of which the plain user runs a copy elsewhere. */
export function placeOf(file) {
  const at = file.lastIndexOf('/test/');
  return at < 0 ? relative(process.cwd(), file) : file.slice(at + 1);
}

/**
 * What failed: the test, its file, and the lines of its messages. Where a test is in the test file says something, and
 * where it is in the runner does not.
 * @returns {{ test: string, file: string, lines: string[], isFile: boolean }[]}
 */
export function failuresIn({ testResults }) {
  return testResults.flatMap(({ name, message, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const file = placeOf(name);
    // One that could not even be loaded has no test.
    if (status === 'failed' && failed.length === 0) {
      return [{ test: 'all of it', file, lines: linesOf(message), isFile: true }];
    }
    return failed.map(({ fullName, failureMessages }) => {
      const lines = linesOf(failureMessages.join('\n')).filter((line) => !/^ +at .*\/node_modules\//.test(line));
      return { test: fullName, file, lines, isFile: false };
    });
  });
}
