import { describe, expect, it } from 'vitest';
import { runInNode, type Tools, valueInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';

const node = ['--expose-gc'];

/** How a hold can be taken and lost; each runs in the child, where it must be source. */
const ways: Record<string, (state: InstanceType<Tools['FreezeState']>) => void> = {
  'in a function': function takeIt(state) {
    state.hold();
  },
  'in a method, and kept in its object': (state) => {
    class Sandbox {
      hold: unknown;
      takeIt(): void {
        this.hold = state.hold();
      }
    }
    new Sandbox().takeIt();
  },
  'in a function, and kept in a variable that its stack can reach': (state) => {
    const kept: { hold?: unknown } = {};
    const takeIt = (): void => {
      kept.hold = state.hold();
    };
    takeIt();
  },
};

describe('a hold that is garbage collected before it was released', () => {
  it.each([
    ['that the next one will say where', [], 'The next such warning says where'],
    ['where it was taken, with NODE_DEBUG', ['env', 'NODE_DEBUG=freeze-state'], 'It was taken at takeIt'],
  ])('is reported by a warning; the first one of a thread says %s', async (_, under, message) => {
    const { stdout } = await runInNode(
      async ({ FreezeState, turn }) => {
        const warnings: string[] = [];
        process.on('warning', (warning) => warnings.push(warning.message));
        const state = new FreezeState();
        const takeIt = (): void => void state.hold();
        takeIt();
        for (let round = 0; round < 50 && warnings.length === 0; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        return warnings.join();
      },
      [],
      { node, under },
    );
    expect(stdout).toContain(`garbage collected before it was released. ${message}`);
  });

  // From the second one on.
  it.each(Object.entries(ways))('taken %s: it is released, and a warning names where it was taken', async (_, take) => {
    const { pid } = sleeper();
    const body = `async ({ FreezeState, turn }, member) => {
      const state = new FreezeState('process', member);
      const warnings = [];
      process.on('warning', ({ name, code, message, detail }) => warnings.push({ name, code, message, detail }));
      const toldOf = async (count) => {
        for (let round = 0; round < 50 && warnings.length < count; round += 1) {
          gc();
          await turn();
        }
      };
      (() => state.hold())();
      await toldOf(1);
      const { writeFileSync, mkdtempSync, rmSync } = require('node:fs');
      const folder = mkdtempSync(require('node:os').tmpdir() + '/hold-');
      writeFileSync(folder + '/forgetful.cjs', ${JSON.stringify(`module.exports = ${take}`)});
      require(folder + '/forgetful.cjs')(state);
      rmSync(folder, { recursive: true });
      const before = state.freezeAtEpoch(state.currentEpoch);
      await toldOf(2);
      return { before, after: state.freezeAtEpoch(state.currentEpoch), warnings: warnings.slice(1) };
    }`;
    const carrier = Object.assign((_tools: Tools, _member: number) => undefined as unknown, { toString: () => body });
    const result = await valueInNode(carrier, [pid], { node: [...node, '--no-warnings'] });
    expect(result).toEqual({
      before: false,
      after: true,
      warnings: [
        {
          name: 'FreezeHoldWarning',
          code: 'FREEZE_HOLD_FORGOTTEN',
          message: expect.stringMatching(/garbage collected .*taken at .*forgetful\.cjs:\d+:\d+/),
          detail: expect.stringContaining('forgetful.cjs'),
        },
      ],
    });
  });

  it('does not warn of one that was released, nor of one whose state was closed', async () => {
    const warnings = await valueInNode(
      async ({ FreezeState, turn }) => {
        const seen: string[] = [];
        process.on('warning', ({ message }) => seen.push(message));
        const state = new FreezeState();
        for (let i = 0; i < 10; i += 1) state.hold().release();
        for (let i = 0; i < 10; i += 1) state.hold();
        state.close();
        for (let round = 0; round < 10; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        return seen;
      },
      [],
      { node },
    );
    expect(warnings).toEqual([]);
  });

  it('is also released if taking or releasing it was cut short', async () => {
    const result = await valueInNode(
      async ({ FreezeState, turn }, member) => {
        const state = new FreezeState('process', member);
        const takeOne = (): void => state.hold().release();
        /** From each depth at which the stack may end. */
        const descend = (): void => {
          try {
            descend();
          } catch {
            // The stack has ended below.
          }
          takeOne();
        };
        for (let round = 0; round < 20; round += 1) {
          try {
            descend();
          } catch {
            // And here.
          }
        }
        const collect = async (): Promise<void> => {
          for (let round = 0; round < 10; round += 1) {
            globalThis.gc?.();
            await turn();
          }
        };
        await collect();
        const afterEndsOfStack = state.freezeAtEpoch(state.currentEpoch);
        const { runInThisContext } = process.getBuiltinModule('node:vm');
        Object.assign(globalThis, { takeOne });
        for (let round = 0; round < 200; round += 1) {
          try {
            runInThisContext('for (;;) takeOne()', { timeout: 1 });
          } catch {
            // It always is.
          }
        }
        await collect();
        return [afterEndsOfStack, state.freezeAtEpoch(state.currentEpoch)];
      },
      [sleeper().pid],
      { node: [...node, '--no-warnings'] },
    );
    expect(result).toEqual([true, true]);
  });

  it('is kept by its owner, and keeps the state, for as long as it is referred to', async () => {
    const { pid } = sleeper();
    const result = await valueInNode(
      async ({ FreezeState, turn }, member) => {
        let state: InstanceType<typeof FreezeState> | undefined = new FreezeState('process', member);
        const handle = state.share();
        const hold = state.hold();
        state = undefined;
        for (let round = 0; round < 20; round += 1) {
          globalThis.gc?.();
          await turn();
        }
        const again = FreezeState.attach(handle);
        const held = again.freezeAtEpoch(again.currentEpoch);
        hold.release();
        return [held, again.freezeAtEpoch(again.currentEpoch)];
      },
      [pid],
      { node },
    );
    expect(result).toEqual([false, true]);
  });
});
