import { expect, it } from 'vitest';
import type { Happening } from '../../examples/lambda-emulator/log';
import { Report } from '../../examples/lambda-emulator/report';

/** What is written of these, at these microseconds. */
function linesOf(...log: [atUs: number, happening: Happening][]): string[] {
  const lines: string[] = [];
  const report = new Report((line) => lines.push(line));
  for (const [atUs, happening] of log) report.write({ ...happening, atUs, states: {} });
  return lines;
}

const listen = { what: 'listen', api: '' } as const;
const ready = { what: 'ready', tookUs: 166_616 } as const;
const deliver = { what: 'deliver', requestId: 'x', bytes: 2 } as const;
const fail = (errorType: string) => ({ what: 'fail', errorType, message: '' }) as const;

it('a report has the duration to the end of the slowest extension, and bills the init with the first one', () => {
  const lines = linesOf(
    [0, listen],
    [166_616, ready],
    [200_000, deliver],
    [328_830, { what: 'response', requestId: 'x', bytes: 2, tookUs: 128_830 }],
    [400_001, { what: 'parked', requestId: 'x', tookUs: 200_001 }],
    [500_000, { ...deliver, requestId: 'y' }],
    [501_000, { what: 'error', requestId: 'y', bytes: 2, tookUs: 1_000 }],
    [501_000, { what: 'parked', requestId: 'y', tookUs: 1_000 }],
  );
  expect(lines).toEqual([
    'START RequestId: x Version: $LATEST',
    'END RequestId: x',
    'REPORT RequestId: x\tDuration: 200.00 ms\tBilled Duration: 367 ms\tMemory Size: 128 MB\tInit Duration: 166.62 ms',
    'START RequestId: y Version: $LATEST',
    'END RequestId: y',
    'REPORT RequestId: y\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB',
  ]);
});

it('a report says how an invocation failed, and an init', () => {
  expect(linesOf([0, listen], [2, ready], [10_000, deliver], [3_010_000, fail('Sandbox.Timedout')]).slice(1)).toEqual([
    'END RequestId: x',
    'REPORT RequestId: x\tDuration: 3000.00 ms\tBilled Duration: 3167 ms\tMemory Size: 128 MB\tInit Duration: 166.62 ms\tStatus: timeout',
  ]);
  expect(linesOf([1_000, listen], [5_000, fail('Runtime.ExitError')])).toEqual([
    'INIT_REPORT Init Duration: 4.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError',
  ]);
  expect(linesOf([1_000, listen], [2, ready], [5_000, fail('Runtime.ExitError')])).toEqual([]);
});
