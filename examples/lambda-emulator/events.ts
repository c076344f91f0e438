import { readFileSync } from 'node:fs';
import { UsageError } from './errors';
import { maxPayload } from './http';

/** Checks one event. Its text is kept as it is: a number that JavaScript cannot hold reaches the runtime unchanged. */
export function parseEvent(text: string, where: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${where} is not JSON: ${excerpt(text)} (${(error as Error).message}).`);
  }
  const size = Buffer.byteLength(text);
  if (size > maxPayload) throw new UsageError(`${where} has ${size} bytes. An event has at most ${maxPayload}.`);
  return text;
}

/**
 * Reads the events of a file: one JSON value a line, or one JSON array of them. Only a line keeps its text. What is in an array is
 * written anew, and a number that JavaScript cannot hold changes.
 */
export function readEvents(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--events ${file} cannot be read (${(error as Error).message}).`);
  }
  const events = text.trimStart().startsWith('[') ? parseArray(text, file) : parseLines(text, file);
  if (events.length === 0)
    throw new UsageError(`--events ${file} has no events: give one JSON value a line, or an array.`);
  return events;
}

function parseLines(text: string, file: string): string[] {
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), where: `--events ${file}, line ${index + 1},` }))
    .filter(({ line }) => line !== '')
    .map(({ line, where }) => parseEvent(line, where));
}

function parseArray(text: string, file: string): string[] {
  let events: unknown[];
  try {
    events = JSON.parse(text);
  } catch (error) {
    // One value a line, the first of which is an array.
    if (text.split('\n').every((line) => line.trim() === '' || isJson(line))) return parseLines(text, file);
    const line = firstBadLine(text);
    throw new UsageError(`--events ${file}, line ${line}, breaks the JSON array (${(error as Error).message}).`);
  }
  return events.map((event, index) => parseEvent(JSON.stringify(event), `--events ${file}, event ${index + 1},`));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON.parse does not always say where it stopped. The first line that is bad is the first whose end it does not reach. */
function firstBadLine(text: string): number {
  const lines = text.trimEnd().split('\n');
  const reachesEnd = (count: number) => {
    const beginning = `${lines.slice(0, count).join('\n')}\n`;
    try {
      JSON.parse(beginning);
      return count === lines.length;
    } catch (error) {
      const { message } = error as Error;
      return message.includes('end of JSON input') || message.endsWith(`at position ${beginning.length}`);
    }
  };
  const bad = lines.findIndex((_line, index) => !reachesEnd(index + 1));
  return bad === -1 ? lines.length : bad + 1;
}

function excerpt(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
