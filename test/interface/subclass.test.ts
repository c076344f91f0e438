import { inspect } from 'node:util';
import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { running, stopped } from '../helpers/proc';
import { sleeper } from '../helpers/processes';

class Sandbox extends FreezeState {
  freezes = 0;

  override freezeAtEpoch(epoch: number): boolean {
    this.freezes += 1;
    return super.freezeAtEpoch(epoch);
  }
}

describe('a subclass', () => {
  it('works, and its methods may call the ones they replace', async () => {
    const { pid } = sleeper();
    const sandbox = new Sandbox('process', pid);
    expect(sandbox).toBeInstanceOf(FreezeState);
    expect(sandbox.freezeAtEpoch(0)).toBe(true);
    await stopped(pid);
    expect(sandbox.freezes).toBe(1);
    sandbox.close();
    await running(pid);
  });

  it('can be inspected', () => {
    expect(inspect(new Sandbox())).toContain("mode: 'none'");
  });

  it('may fail in its constructor', () => {
    expect(() => new Sandbox('process', 0)).toThrow('0 is not a pid');
  });
});

it('the constructor needs new', () => {
  const callable = FreezeState as unknown as () => FreezeState;
  expect(() => callable()).toThrow(/cannot be invoked without 'new'/);
});
