// Calls every public operation, on a state, on what is none and once it is closed, with any arguments, for some seconds. All
// that may come of it is a result, or an error of ours or one for arguments, with its code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { FreezeMode, FreezeState } from 'freeze-state';

const seconds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
/** The only process that may be a member: any other pid that is in use would freeze a foreign process. */
const child = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
process.once('exit', () => child.kill('SIGKILL'));
const pid = child.pid as number;

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
  ),
  ...plain,
);
const names = [
  'boost',
  'childStopNotices',
  'guardian',
  'cgroup',
  'path',
  'parent',
  'timeout',
  'signal',
  'ref',
  'since',
];
const fields = [...names, 'mode', 'pids', 'pid', 'epoch', 'isFrozen', 'type', 'process', 'id'];
const options = fc.dictionary(fc.constantFrom(...fields), thing, { maxKeys: 4 });
const modes = fc.constantFrom<unknown>(...Object.values(FreezeMode));
const argument = fc.oneof(thing, options, modes, fc.array(numbers, { maxLength: 3 }), fc.constant(pid));

type Callable = (...args: unknown[]) => unknown;
const proto = FreezeState.prototype as unknown as Record<PropertyKey, Callable>;
const operations = new Map<string, (receiver: unknown, args: unknown[]) => unknown>([
  [
    'new FreezeState',
    (_, args) => new (FreezeState as unknown as new (...all: unknown[]) => FreezeState)(...args).close(),
  ],
  ['FreezeState.withPids', (_, args) => (FreezeState.withPids as Callable)(...args)],
  ['util.inspect', (receiver) => inspect(receiver)],
  ['FreezeState.attach', (_, args) => (FreezeState.attach as Callable)(...args)],
]);
const others: PropertyKey[] = ['constructor', inspect.custom];
for (const name of Reflect.ownKeys(proto).filter((key) => !others.includes(key))) {
  const { get, value } = Object.getOwnPropertyDescriptor(proto, name) as { get?: Callable; value?: Callable };
  const call = (get ?? value) as Callable;
  operations.set(String(name), (receiver, args) => call.apply(receiver, args));
}

/** It would block this thread. */
const blocks = (name: string, args: unknown[]): boolean => {
  const { timeout } = (args[0] ?? {}) as { timeout?: unknown };
  return name === 'waitForStateChangeSync' && typeof timeout === 'number' && timeout > 5;
};

function checked(error: unknown): void {
  const { code } = error as { code?: unknown };
  const isOurs = error instanceof Error && typeof code === 'string' && /^ERR_(FREEZE|INVALID|OUT_OF_RANGE)/.test(code);
  // An aborted wait rejects with the reason of its signal.
  const isAbort = error instanceof DOMException && error.name === 'AbortError';
  if (!isOurs && !isAbort) throw error;
}

const receivers = fc.oneof({ weight: 8, arbitrary: fc.constant('state') }, { weight: 1, arbitrary: thing });
const steps = fc.array(
  fc.tuple(fc.constantFrom(...operations.keys()), receivers, fc.array(argument, { maxLength: 4 })),
  {
    minLength: 1,
    maxLength: 20,
  },
);
let calls = 0;

const property = fc.asyncProperty(modes, steps, async (mode, all) => {
  const state = new FreezeState(mode as FreezeMode, pid);
  const results: Promise<unknown>[] = [];
  try {
    for (const [name, receiver, args] of all) {
      if (blocks(name, args)) continue;
      calls += 1;
      try {
        const result = operations.get(name)?.(receiver === 'state' ? state : receiver, args);
        if (result instanceof Promise) results.push(result.catch(checked));
        if (result instanceof FreezeState) result.close();
      } catch (error) {
        checked(error);
      }
    }
  } finally {
    state.close();
  }
  await Promise.all(results);
});

async function main(): Promise<void> {
  console.log(`Arguments of ${operations.size} operations for ${seconds} s, seed ${seed}.`);
  await fc.assert(property, { seed, numRuns: 2 ** 31, interruptAfterTimeLimit: seconds * 1000 });
  console.log(`${calls} calls: no crash, and no error without a code.`);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

void main();
