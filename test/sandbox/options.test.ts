import { Sandbox } from 'freeze-state/sandbox';
import { expect, it } from 'vitest';

it.each([
  [5, 'options is 5; expected an object.'],
  [{ mood: 'process' }, /^options.mood is not for this call; it takes mode, .* Did you mean mode\?$/],
  [{ mode: 'proces' }, /^"proces" is not a mode/],
  [{ state: 5 }, 'options.state is 5; expected an object.'],
  [
    { state: { bost: true } },
    'options.state.bost is not for this call; it takes boost, guardian and cgroup. Did you mean boost?',
  ],
  [{ state: { boost: 1 } }, 'options.boost is 1; expected a boolean.'],
  [{ state: { mark: 'x' } }, 'options.state has onParentDeath or mark, which a sandbox sets'],
  [{ freezeAfter: true }, 'options.freezeAfter is true; expected milliseconds.'],
  [{ freezeAfter: -1 }, /^options.freezeAfter is -1; expected milliseconds from 0 to 2\^31-1, or false/],
  [{ confirm: 5 }, 'options.confirm is 5; expected a boolean, or { timeout }.'],
  [{ confirm: null }, /^options.confirm is null; expected/],
  [{ confirm: { timeout: '5' } }, 'options.confirm.timeout is "5"; expected milliseconds.'],
  [{ confirm: { timeuot: 5 } }, /^options.confirm.timeuot is not for this call/],
])('new Sandbox(%j) is an error', (options, message) => {
  expect(() => new Sandbox(options as never)).toThrow(message);
});

it('makes a tree that is frozen at once when it is idle, by default', () => {
  const sandbox = new Sandbox();
  expect(sandbox.state.mode).toBe('process-tree');
  sandbox.kill();
});

it('takes options of the state whose values are undefined, or that are inherited, as not given', () => {
  const state = Object.assign(Object.create({ mark: 'x' }), { boost: false, onParentDeath: undefined });
  const sandbox = new Sandbox({ state });
  expect(sandbox.state.mode).toBe('process-tree');
  sandbox.kill();
});

it('refuses a child that is none, and wrong options of a work', () => {
  const sandbox = new Sandbox();
  expect(() => sandbox.adopt({ pid: 5 } as never)).toThrow('child is an object; expected a ChildProcess.');
  expect(() => sandbox.work({ label: 5 } as never)).toThrow('options.label is 5; expected a string.');
  expect(() => sandbox.work({ until: 5 } as never)).toThrow('options.until is 5; expected a ChildProcess.');
  expect(() => sandbox.work({ untill: 5 } as never)).toThrow(/Did you mean until\?/);
  expect(sandbox.state.holdCount).toBe(0);
  sandbox.kill();
});
