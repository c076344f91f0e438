/** Values that are no pid, whatever the mode, and what a message calls them. */
export const notPids: readonly (readonly [description: string, value: unknown, shown: string])[] = [
  ['a numeric string', '1234', '"1234"'],
  ['an empty string', '', '""'],
  ['a long string', 'x'.repeat(1000), `"${'x'.repeat(40)}…"`],
  ['NaN', Number.NaN, 'NaN'],
  ['-1', -1, '-1'],
  ['-2', -2, '-2'],
  ['1.5', 1.5, '1.5'],
  ['a fraction above 2', 1234.5, '1234.5'],
  ['0', 0, '0'],
  ['-0', -0, '0'],
  ['1', 1, '1'],
  ['2^31', 2 ** 31, '2147483648'],
  ['2^32 - 1', 2 ** 32 - 1, '4294967295'],
  ['2^32 + 2', 2 ** 32 + 2, '4294967298'],
  ['-(2^31)', -(2 ** 31), '-2147483648'],
  ['2^53', 2 ** 53, '9007199254740992'],
  ['2^64 + 2^12', 2 ** 64 + 2 ** 12, '18446744073709556000'],
  ['Infinity', Number.POSITIVE_INFINITY, 'Infinity'],
  ['-Infinity', Number.NEGATIVE_INFINITY, '-Infinity'],
  ['null', null, 'null'],
  ['true', true, 'true'],
  ['an object', {}, 'an object'],
  ['an object with a number for its value', { valueOf: () => 1234 }, 'an object'],
  ['a Number', Object(1234), 'an object'],
  ['an array of one', [1234], 'an array'],
  ['a bigint', 1234n, '1234n'],
  ['a symbol', Symbol('pid'), 'Symbol(pid)'],
  ['a function', () => 1234, 'a function'],
  ['a revoked proxy', revoked(), 'an object'],
];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

/** Values that are no epoch. */
export const notEpochs: readonly (readonly [description: string, value: unknown, shown: string])[] = [
  ['undefined', undefined, 'undefined'],
  ['a numeric string', '0', '"0"'],
  ['NaN', Number.NaN, 'NaN'],
  ['-1', -1, '-1'],
  ['-1e-9', -1e-9, '-1e-9'],
  ['1.5', 1.5, '1.5'],
  ['2^53', 2 ** 53, '9007199254740992'],
  ['2^63', 2 ** 63, '9223372036854776000'],
  ['2^64', 2 ** 64, '18446744073709552000'],
  ['Infinity', Number.POSITIVE_INFINITY, 'Infinity'],
  ['-Infinity', Number.NEGATIVE_INFINITY, '-Infinity'],
  ['null', null, 'null'],
  ['false', false, 'false'],
  ['an object', {}, 'an object'],
  ['an object with a number for its value', { valueOf: () => 0 }, 'an object'],
  ['an empty array', [], 'an array'],
  ['a bigint', 0n, '0n'],
  ['a symbol', Symbol('epoch'), 'Symbol(epoch)'],
  ['a function', () => 0, 'a function'],
];
