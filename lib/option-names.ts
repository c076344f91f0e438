import { shown } from './show';

/**
 * What is wrong with an options object: it has a name that the call does not take; `undefined` if it has none. Own enumerable
 * names count. A name whose value is `undefined` counts as not given, as it does for the names that are taken: so
 * `{ ...defaults, timeout: undefined }` takes an option back.
 */
export function wrongName(
  where: string,
  options: Readonly<Record<string, unknown>>,
  known: readonly string[],
): string | undefined {
  const name = Object.keys(options).find((key) => !known.includes(key) && options[key] !== undefined);
  if (name === undefined) return undefined;
  const path = /^[\w$]{1,40}$/.test(name) ? `${where}.${name}` : `${where}[${shown(name)}]`;
  const near = nearest(name, known);
  const guess = near === undefined ? '' : ` Did you mean ${near}?`;
  return `${path} is not for this call; it takes ${known.join(', ').replace(/, (\w+)$/, ' and $1')}.${guess}`;
}

/** The name that it is most likely a misspelling of: at most half of its letters differ, whatever their case. */
function nearest(name: string, known: readonly string[]): string | undefined {
  // The distance takes as long as the product of the two lengths; and no option is half as long as this.
  if (name.length > 40) return undefined;
  let least = name.length / 2;
  let found: string | undefined;
  for (const one of known) {
    const distance = editDistance(name.toLowerCase(), one.toLowerCase());
    if (distance > least || (distance === least && found !== undefined)) continue;
    least = distance;
    found = one;
  }
  return found;
}

/** Levenshtein's: how many letters must be inserted, removed or replaced. One row of the table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of Array.from(from).entries()) {
    const next = [index + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
