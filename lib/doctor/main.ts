#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
// Only types: if the addon does not load, that is reported and not thrown.
import type { Findings } from './examine';
import { type ExaminedMode, modes } from './modes';

const usage = `Usage: freeze-state doctor [--mode MODE] [--json]

Says what can be frozen on this machine. It freezes and thaws a child in each mode. Where that does not work, it says why, and
what to do. It also lists the processes that are stopped now.

  --mode MODE  this mode alone: ${modes.join(', ')}
  --json       for programs; docs/doctor.md says what is in it
  --help       this text
  --version    the version of the package

The exit code is 0 if a mode works (with --mode: that mode), 1 if none does or the addon does not load, and 2 for a wrong
command line.
`;

/** A command line that makes no sense. */
class UsageError extends Error {}

interface Command {
  readonly json: boolean;
  readonly mode: ExaminedMode | undefined;
}

/** The command, or the text that was asked for instead. */
function parse(args: readonly string[], version: string): Command | string {
  const { values, positionals } = parsed(args);
  if (values.help) return usage;
  if (values.version) return `${version}\n`;
  const [command, ...rest] = positionals;
  if (command === undefined) throw new UsageError('a command is missing: doctor');
  if (command !== 'doctor')
    throw new UsageError(`there is no command ${JSON.stringify(command)}: doctor is the only one`);
  if (rest.length > 0) throw new UsageError(`${JSON.stringify(rest[0])} is not expected: doctor takes only options`);
  const { mode, json = false } = values;
  if (mode === undefined) return { json, mode };
  const known = modes.find((name) => name === mode);
  if (known === undefined) throw new UsageError(`--mode ${JSON.stringify(mode)} is none of ${modes.join(', ')}`);
  return { json, mode: known };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        mode: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function doctor({ json, mode }: Command, version: string): Promise<number> {
  let findings: Findings;
  try {
    const { examine } = await import('./examine.js');
    findings = await examine(version, mode === undefined ? modes : [mode]);
  } catch (error) {
    const { code = 'ERR_FREEZE_DOCTOR', message } = error as NodeJS.ErrnoException;
    const failure = { schemaVersion: 1, version, node: process.version, code, reason: message };
    print(json ? asJson(failure) : `freeze-state ${version} on Node ${process.version}\n\n${code}: ${message}\n`);
    return 1;
  }
  const { asText } = await import('./print.js');
  print(json ? asJson(findings) : asText(findings));
  return findings.recommended === undefined ? 1 : 0;
}

function asJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** The reader of the output may have gone, as in `doctor | head -1`. */
function print(text: string): void {
  process.stdout.on('error', () => {}).write(text);
}

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
  try {
    const command = parse(process.argv.slice(2), version);
    if (typeof command === 'string') print(command);
    else process.exitCode = await doctor(command, version);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`freeze-state: ${error.message}\n\n${usage}`);
    process.exitCode = 2;
  }
}

void main();
