import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { FreezeMode } from 'freeze-state';
import pc from 'picocolors';
import { Endpoint } from './endpoint';
import { SandboxError, UsageError } from './errors';
import { parseEvent, readEvents } from './events';
import { endOnSignals } from './interruption';
import { formatEntry, type LogEntry, nowUs } from './log';
import { Report } from './report';
import type { LambdaSandbox } from './sandbox';

const modes: FreezeMode[] = ['process', 'process-tree', 'process-group', 'cgroup', 'none'];

interface Options {
  readonly runtime: string;
  readonly extension: string[];
  readonly event: string[];
  readonly events: string[];
  readonly serve?: number;
  readonly freeze: FreezeMode;
  readonly grace: number;
  readonly gap: number;
  readonly timeout: number;
  readonly initTimeout: number;
  readonly port: number;
  readonly handler: string;
  readonly functionName: string;
}

const command = new Command('npm run emulator --')
  .description('Runs one Lambda sandbox: a runtime and its extensions, frozen between the invocations.')
  // The exit code 1 is for a function that failed.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .requiredOption('--runtime <CMD>', 'command of the runtime, which speaks the Runtime API')
  .option('--extension <CMD>', 'command of an extension, which speaks the Extensions API (repeatable)', append, [])
  .option('--event <JSON>', 'an event to invoke the function with (repeatable)', append, [])
  .option('--events <FILE>', 'more events: one JSON value a line, or a JSON array (repeatable)', append, [])
  .addOption(
    new Option('--serve <PORT>', 'serve the Invoke API on 127.0.0.1 until Ctrl-C; 0 takes a free port')
      .argParser(port)
      .conflicts(['event', 'events']),
  )
  .addOption(new Option('--freeze <MODE>', 'what to freeze').choices(modes).default('process'))
  .option('--grace <MS>', 'from "everyone is parked" to the freeze', milliseconds, 0)
  .option('--gap <MS>', 'how long the sandbox is left alone after each invocation', milliseconds, 100)
  .addOption(seconds('--timeout', 'what an invocation may take', 30))
  .addOption(seconds('--init-timeout', 'what the init may take', 10))
  .option('--port <PORT>', 'port of both APIs on 127.0.0.1; 0 takes a free one', port, 0)
  .option('--handler <NAME>', '_HANDLER of the function', 'index.handler')
  .option('--function-name <NAME>', 'name of the function', 'function')
  .addHelpText(
    'after',
    `
Each CMD is run by "/bin/sh -c 'exec CMD'", so that what is frozen is the program and no shell. End a command of several
by exec yourself: 'cd there && exec program'.
Standard output has one line of JSON for each event, in their order; with --serve it has the lines START, END and REPORT.
Standard error has what happened.`,
  );

async function main(): Promise<void> {
  const options = command.parse().opts<Options>();
  if (options.serve === undefined) await runEvents(options);
  else await serve(options, options.serve);
}

async function runEvents(options: Options): Promise<void> {
  const events = [
    ...options.event.map((text) => parseEvent(text, '--event')),
    ...options.events.flatMap((file) => readEvents(file)),
  ];
  if (events.length === 0) {
    throw new UsageError('There is no event: give --event JSON, --events FILE, or --serve PORT to be sent them.');
  }
  const make = await sandboxFactory(options);
  const sandbox = make(logToStderr());
  const interrupted = endOnSignals(sandbox);
  try {
    // The first event is there before the sandbox is, as where Lambda makes a sandbox for it.
    await Promise.all([sandbox.start(), invokeAll(sandbox, events, options.gap)]);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    process.exitCode = interrupted.exitCode ?? 1;
    if (interrupted.exitCode === undefined) console.log(JSON.stringify(error));
    await sandbox.stop(error.shutdownReason);
  }
  await sandbox.stop();
}

/** Until a signal ends it. */
async function serve(options: Options, port: number): Promise<void> {
  const make = await sandboxFactory(options);
  const log = logToStderr();
  const report = new Report((line) => console.log(line));
  const onLog = (entry: LogEntry) => {
    log(entry);
    report.write(entry);
  };
  const { functionName } = options;
  const endpoint = new Endpoint(functionName, () => make(onLog), die);
  const interrupted = endOnSignals(endpoint);
  const closed = endpoint.closed();
  const address = await endpoint.listen(port);
  console.log(`Invoke by POST http://${address}/2015-03-31/functions/${functionName}/invocations`);
  await closed;
  process.exitCode = interrupted.exitCode;
}

function logToStderr(): (entry: LogEntry) => void {
  const startUs = nowUs();
  return (entry) => console.error(paint(entry, formatEntry(entry, startUs)));
}

async function invokeAll(sandbox: LambdaSandbox, events: string[], gapMs: number): Promise<void> {
  for (const event of events) {
    const { isError, body } = await sandbox.invoke(event);
    console.log(oneLine(body.toString()));
    if (isError) process.exitCode = 1;
    await sandbox.idle();
    await sleep(gapMs, undefined, { signal: sandbox.signal }).catch(() => sandbox.signal.throwIfAborted());
  }
}

/**
 * A response on one line. In JSON a line break can only stand between two tokens, so a space does as well, and every
 * number stays as the runtime wrote it. What is not JSON becomes a JSON string.
 */
function oneLine(response: string): string {
  try {
    JSON.parse(response);
    return response.trim().replace(/[\r\n]+/g, ' ');
  } catch {
    return JSON.stringify(response);
  }
}

type SandboxFactory = (onLog: (entry: LogEntry) => void) => LambdaSandbox;

async function sandboxFactory(options: Options): Promise<SandboxFactory> {
  // Not imported at the top of the file: if it is not built, that would print a stack trace.
  const { FreezeState } = await import('freeze-state').catch((error: Error) => {
    const [reason] = error.message.split('\n');
    throw new UsageError(`freeze-state is not built: run "npm run compile" first (${reason}).`);
  });
  const { available, reason, remedy } = FreezeState.capabilities.modes[options.freeze];
  if (!available) throw new UsageError(`--freeze ${options.freeze} is not possible here. ${reason} ${remedy}`);
  const { LambdaSandbox } = await import('./sandbox.js');
  const config = {
    runtime: { name: 'runtime', command: options.runtime },
    extensions: options.extension.map((text, index) => ({ name: `extension-${index + 1}`, command: text })),
    freeze: options.freeze,
    graceMs: options.grace,
    timeoutMs: options.timeout,
    initTimeoutMs: options.initTimeout,
    port: options.port,
    handler: options.handler,
    functionName: options.functionName,
  };
  return (onLog) => new LambdaSandbox({ ...config, onLog });
}

function paint({ what }: LogEntry, line: string): string {
  if (what === 'freeze') return pc.cyan(line);
  if (what === 'thaw') return pc.green(line);
  if (what === 'fail' || what === 'error') return pc.red(line);
  return pc.dim(line);
}

function append(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}

function milliseconds(value: string): number {
  return number(value, 2 ** 31 - 1, 'Give whole milliseconds, 0 or more.');
}

function port(value: string): number {
  return number(value, 65_535, 'Give a port, 0 to 65535.');
}

function number(value: string, most: number, advice: string): number {
  if (!/^\d+$/.test(value) || Number(value) > most) throw new InvalidArgumentError(advice);
  return Number(value);
}

/** Given in seconds, also in the help; milliseconds in the program. */
function seconds(name: string, description: string, fallback: number): Option {
  return new Option(`${name} <SECONDS>`, description).argParser(secondsAsMs).default(fallback * 1000, String(fallback));
}

function secondsAsMs(value: string): number {
  const ms = Number(value) * 1000;
  if (!/^\d+(\.\d+)?$/.test(value) || ms < 1 || ms > 2 ** 31 - 1)
    throw new InvalidArgumentError('Give seconds, more than 0.');
  return ms;
}

function die(error: unknown): never {
  if (error instanceof UsageError) command.error(`error: ${error.message}`, { exitCode: 2 });
  console.error(error);
  process.exit(1);
}

main().catch(die);
