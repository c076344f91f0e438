// The public operations, and anything to call them with.
import { spawn } from 'node:child_process';
import { inspect, promisify } from 'node:util';
import fc from 'fast-check';
import { FreezeMode, FreezeState } from 'freeze-state';
import type { Random } from './random';

/** The only process that may be a member: any other pid that is in use would freeze a foreign process. */
export const child = spawn('sleep', ['100000'], { stdio: 'ignore', detached: true });
process.once('exit', () => child.kill('SIGKILL'));
const pid = child.pid as number;

/** Stands for the epoch that the state is at when the call is made, where the operation takes one. */
export const currentEpoch = Symbol('the current epoch');
/** Stands for the last object that a call before this one has returned. */
export const lastResult = Symbol('the last result');

const mayBePid = (value: number): boolean => Math.abs(value) <= 2 ** 22;
const numbers = fc.oneof(
  fc.double().filter((value) => !mayBePid(value)),
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    0.5,
    NaN,
    Infinity,
    -Infinity,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 53,
    2 ** 53 - 1,
    process.pid,
    pid,
  ),
);
/** No string is a pid either, since none is a number. */
const plain = [numbers, fc.string(), fc.boolean(), fc.bigInt(), fc.constantFrom(undefined, null, Symbol('any'))];
const thing = fc.oneof(
  fc.anything({
    values: plain,
    withBigInt: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
  }),
  fc.constantFrom<unknown>(
    () => 1,
    AbortSignal.abort(),
    new Proxy({}, {}),
    // Not any others: their elements may be pids.
    new Uint8Array(3),
    new Float64Array([Number.NaN, 2 ** 31]),
    FreezeState,
    Object.create(FreezeState.prototype),
    lastResult,
  ),
  ...plain,
);
const names = [
  'boost',
  'childStopNotices',
  'guardian',
  'onParentDeath',
  'cgroup',
  'path',
  'parent',
  'timeout',
  'spin',
  'signal',
  'ref',
  'since',
];
const fields = [...names, 'mode', 'pids', 'pid', 'epoch', 'isFrozen', 'type', 'process', 'id'];
const options = fc.dictionary(fc.constantFrom(...fields), thing, { maxKeys: 4 });
const modes = fc.constantFrom<unknown>(...Object.values(FreezeMode));
/** A process takes a hundred times as long to enter a cgroup as to be registered otherwise. */
const fewCgroups = modes.filter((mode) => mode !== FreezeMode.Cgroup);
const modeOfState = fc.oneof({ weight: 30, arbitrary: fewCgroups }, { weight: 1, arbitrary: modes });
const argument = fc.oneof(
  thing,
  options,
  modes,
  fc.array(numbers, { maxLength: 3 }),
  fc.constantFrom<unknown>(pid, currentEpoch, lastResult),
);

type Callable = (...args: unknown[]) => unknown;
const proto = FreezeState.prototype as unknown as Record<PropertyKey, Callable>;
export const operations = new Map<string, (receiver: unknown, args: unknown[]) => unknown>([
  [
    'new FreezeState',
    (_, args) => new (FreezeState as unknown as new (...all: unknown[]) => FreezeState)(...args).close(),
  ],
  ['util.inspect', (receiver) => inspect(receiver)],
]);
for (const [name, { get, set, value }] of Object.entries(Object.getOwnPropertyDescriptors(FreezeState))) {
  if (typeof value === 'function') operations.set(`FreezeState.${name}`, (_, args) => (value as Callable)(...args));
  else if (set) operations.set(`FreezeState.${name} =`, (_, args) => set.call(FreezeState, args[0]));
  if (get) operations.set(`FreezeState.${name}`, () => get.call(FreezeState));
}
const others: PropertyKey[] = ['constructor', inspect.custom];
for (const name of Reflect.ownKeys(proto).filter((key) => !others.includes(key))) {
  const { get, value } = Object.getOwnPropertyDescriptor(proto, name) as { get?: Callable; value?: Callable };
  const call = (get ?? value) as Callable;
  operations.set(String(name), (receiver, args) => call.apply(receiver, args));
}
const operationNames = [...operations.keys()];

export interface Call {
  readonly name: string;
  /** `'state'`, or what is none. */
  readonly receiver: unknown;
  readonly args: readonly unknown[];
}

export interface Calls {
  readonly mode: FreezeMode;
  readonly all: readonly Call[];
}

const receivers = fc.oneof({ weight: 8, arbitrary: fc.constant('state') }, { weight: 1, arbitrary: thing });
const call = fc.record({
  name: fc.constantFrom(...operationNames),
  receiver: receivers,
  args: fc.array(argument, { maxLength: 4 }),
});
const calls = fc.record({
  mode: modeOfState as fc.Arbitrary<FreezeMode>,
  all: fc.array(call, { minLength: 1, maxLength: 20 }),
});

/** Values of an arbitrary, many made at a time. */
function stock<T>(arbitrary: fc.Arbitrary<T>): (random: Random) => T {
  let made: T[] = [];
  return (random) => {
    if (made.length === 0) made = fc.sample(arbitrary, { numRuns: 500, seed: random.below(2 ** 31) });
    return made.pop() as T;
  };
}

export const freshCalls = stock(calls);
const freshCall = stock(call);
const freshArgument = stock(argument);
const freshField = stock(fc.tuple(fc.constantFrom(...fields), thing));

function isOptions(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** An argument that differs from this one in a field, or altogether. */
function mutatedArgument(value: unknown, random: Random): unknown {
  if (!isOptions(value) || random.below(4) === 0) return freshArgument(random);
  const [name, field] = freshField(random);
  return { ...value, [name]: field };
}

/** With the item at the place replaced by others. */
function spliced<T>(all: readonly T[], place: number, ...others: T[]): T[] {
  return [...all.slice(0, place), ...others, ...all.slice(place + 1)];
}

function mutatedCall({ name, receiver, args }: Call, random: Random): Call {
  const place = random.below(args.length + 1);
  switch (random.below(6)) {
    case 0:
      return { name: random.of(operationNames), receiver, args };
    case 1:
      return { name, receiver: receiver === 'state' ? freshArgument(random) : 'state', args };
    case 2:
      return { name, receiver, args: spliced(args, place) };
    default:
      return { name, receiver, args: spliced(args, place, mutatedArgument(args[place], random)) };
  }
}

/** Calls that differ a little from these, and may go on as others do. */
export function mutatedCalls({ mode, all }: Calls, other: Calls, random: Random): Calls {
  const place = random.below(all.length);
  const one = all[place] as Call;
  switch (random.below(8)) {
    case 0:
      return { mode: freshCalls(random).mode, all };
    case 1:
      return { mode, all: [...all.slice(0, place), freshCall(random), ...all.slice(place)] };
    case 2:
      return { mode, all: all.length > 1 ? spliced(all, place) : all };
    case 3:
      return { mode, all: [...all.slice(0, place), ...other.all.slice(random.below(other.all.length))].slice(0, 30) };
    default:
      return { mode, all: spliced(all, place, mutatedCall(one, random)) };
  }
}

/** Without one of the calls, or one of the arguments. */
export function* shorterCalls({ mode, all }: Calls): Iterable<Calls> {
  for (const place of all.keys()) if (all.length > 1) yield { mode, all: spliced(all, place) };
  for (const [place, one] of all.entries()) {
    for (const index of one.args.keys()) {
      yield { mode, all: spliced(all, place, { ...one, args: one.args.slice(0, index) }) };
    }
  }
}

/** As the calls are written, as far as a value can be. */
export function written({ mode, all }: Calls): string {
  const lines = all.map(({ name, receiver, args }) => {
    const on = receiver === 'state' ? '' : ` on ${fc.stringify(receiver)}`;
    return `  ${name}(${args.map((value) => fc.stringify(value)).join(', ')})${on}`;
  });
  return [`In mode ${mode}:`, ...lines].join('\n');
}

/** It would block this thread, or wait for the exit of a process that does not exit. */
const blocks = (name: string, args: readonly unknown[]): boolean => {
  const options = { waitForStateChangeSync: args[0], 'FreezeState.waitForExit': args[1] }[name];
  const { timeout } = (options ?? {}) as { timeout?: unknown };
  return typeof timeout === 'number' && timeout > 5;
};

/** With an end, where the call has none. */
function ending(name: string, args: unknown[]): unknown[] {
  const [pids, options, ...more] = args;
  const isGiven = typeof options === 'object' || typeof options === 'function';
  if (name !== 'FreezeState.waitForExit' || options === null || (options !== undefined && !isGiven)) return args;
  return [pids, { ...options, timeout: (options as { timeout?: unknown } | undefined)?.timeout ?? 1 }, ...more];
}

function checked(error: unknown): void {
  const { code } = error as { code?: unknown };
  const isOurs = error instanceof Error && typeof code === 'string' && /^ERR_(FREEZE|INVALID|OUT_OF_RANGE)/.test(code);
  // An aborted wait rejects with the reason of its signal.
  const isAbort = error instanceof DOMException && error.name === 'AbortError';
  if (!isOurs && !isAbort) throw error;
}

const turn = promisify(setImmediate);
/** So many of the event loop for a call that returns a promise: a confirmation takes about as many. */
const turns = 8;

/** Makes the calls, and throws what no call may throw. */
export async function make({ mode, all }: Calls): Promise<void> {
  const state = new FreezeState(mode, pid);
  const made = [state];
  const results: Promise<unknown>[] = [];
  let last: unknown;
  const given = (value: unknown, takesEpoch: boolean): unknown => {
    if (value === lastResult) return last;
    return value === currentEpoch && takesEpoch && !isClosed(state) ? state.currentEpoch : value;
  };
  try {
    for (const { name, receiver, args } of all) {
      const takesEpoch = name === 'freezeAtEpoch' || name === 'confirmFreezeAtEpoch';
      const values = ending(
        name,
        args.map((value) => given(value, takesEpoch)),
      );
      if (blocks(name, values)) continue;
      try {
        const result = operations.get(name)?.(receiver === 'state' ? state : given(receiver, false), values);
        if (result instanceof Promise) {
          results.push(result.catch(checked));
          // Some begin and end only if they are let.
          for (let left = turns; left > 0; left -= 1) await turn();
        } else if (typeof result === 'object' && result !== null) last = result;
        if (result instanceof FreezeState) made.push(result);
      } catch (error) {
        checked(error);
      }
    }
  } finally {
    for (const one of made) one.close();
  }
  await Promise.all(results);
}

function isClosed(state: FreezeState): boolean {
  try {
    return state.currentEpoch < 0;
  } catch {
    return true;
  }
}
