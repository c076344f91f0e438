import { isProxy } from 'node:util/types';

/**
 * In quotation marks, on one line. A text that a process chose, such as its name, may have characters that a terminal
 * obeys, and JSON escapes only some of them.
 */
export function quoted(text: string): string {
  const escaped = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

/** A value as a message shows it: short, on one line, and never failing. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  // A revoked proxy throws at whatever is done with it.
  if (!isProxy(value) && Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** A sentence that begins with the text. */
export function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
