import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOMParser, type Element, onWarningStopParsing } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { draw, inWords, measured } from '../../scripts/docs-picture.mjs';
import { output, root } from '../package/run';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const pictures = { dark: 'docs/pictures/demo-dark.svg', light: 'docs/pictures/demo-light.svg' };
const story = measured();

/** Throws where the text is not well-formed. */
function parse(xml: string): Element {
  const { documentElement } = new DOMParser({ onError: onWarningStopParsing }).parseFromString(xml, 'image/svg+xml');
  if (!documentElement) throw new Error('no element');
  return documentElement;
}

/** Where an element is, by the translations around it. */
function place(element: Element): { x: number; y: number } {
  const [, x = 0, y = 0] = /^translate\(([-\d.]+),([-\d.]+)\)/.exec(element.getAttribute('transform') ?? '') ?? [];
  const parent =
    element.parentNode?.nodeType === element.ELEMENT_NODE ? place(element.parentNode as Element) : undefined;
  return { x: Number(x) + (parent?.x ?? 0), y: Number(y) + (parent?.y ?? 0) };
}

describe.each(Object.entries(pictures) as ['dark' | 'light', string][])('the %s picture of the demo', (theme, file) => {
  const svg = parse(read(file));
  const texts = [...svg.getElementsByTagName('text')].map((text) => ({ text: text.textContent, ...place(text) }));
  const rows = ['events', 'freezes', ...story.beats.keys()];

  it('is what the measurement beside it gives', async () => {
    expect((await draw(story, theme)).split('\n')).toEqual(read(file).split('\n'));
  });

  it('has a title and a description for screen readers', () => {
    expect(svg.getAttribute('role')).toBe('img');
    const ids = svg.getAttribute('aria-labelledby')?.split(' ') ?? [];
    const [title, description] = ids.map((id) =>
      [...svg.getElementsByTagName('*')].find((one) => one.getAttribute('id') === id),
    );
    expect([title?.tagName, description?.tagName]).toEqual(['title', 'desc']);
    expect(title?.textContent).toMatch(/\w/);
    expect(description?.textContent).toBe(inWords(story));
  });

  it('has a row for the events, one for the freezes, and one for each process', () => {
    const labels = texts.filter(({ text }) => rows.includes(text ?? '')).sort((a, b) => a.y - b.y);
    expect(labels.map(({ text }) => text)).toEqual(rows);
  });

  it('has what happened from left to right as the log has it, and how long each freeze was', () => {
    const durations = story.freezes.map(({ fromUs, toUs }) => `${Math.round((toUs - fromUs) / 1000)} ms`);
    const logged = story.log.flatMap(({ what }) => {
      if (what === 'deliver') return 'event';
      return what === 'freeze' ? durations.shift() : what === 'cancelled' ? what : [];
    });
    const labels = texts.filter(({ text }) => /^(\d|\d+ ms|cancelled)$/.test(text ?? '')).sort((a, b) => a.x - b.x);
    let event = 0;
    expect(labels.map(({ text }) => text)).toEqual(
      logged.map((label) => (label === 'event' ? String(++event) : label)),
    );
  });

  it('needs nothing from outside of it', () => {
    const attributes = [...svg.getElementsByTagName('*')].flatMap((element) => [...element.attributes]);
    const addresses = attributes.filter(({ name }) => !name.startsWith('xmlns')).map(({ value }) => value);
    expect(addresses.filter((value) => /:\/\/|url\(|@import/.test(value))).toEqual([]);
    for (const name of ['script', 'style', 'image', 'use', 'foreignObject']) {
      expect([name, svg.getElementsByTagName(name).length]).toEqual([name, 0]);
    }
  });
});

describe('README.md', () => {
  it('shows the pictures, and says in words what they do', () => {
    const picture = parse(/<picture>.*?<\/picture>/s.exec(read('README.md'))?.[0] ?? '');
    const sources = [...picture.getElementsByTagName('source')].map((source) => [
      source.getAttribute('media'),
      source.getAttribute('srcset'),
    ]);
    expect(sources).toEqual([
      ['(prefers-color-scheme: dark)', pictures.dark],
      ['(prefers-color-scheme: light)', pictures.light],
    ]);
    const [image] = picture.getElementsByTagName('img');
    expect(image?.getAttribute('src')).toBe(pictures.light);
    expect(image?.getAttribute('alt')).toBe(inWords(story));
  });

  it('begins with code that does what its comments say', async () => {
    const [, code = ''] = /^```js\n(.*?)^```$/ms.exec(read('README.md')) ?? [];
    const program = `import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['600']);
      ${code}
      console.log(sandbox.isFrozen);
      child.kill();`;
    expect(code).toMatch(/console\.log\(.*\); \/\/ true\b/);
    expect(await output(process.execPath, ['--input-type=module', '--eval', program], { cwd: root })).toBe(
      'true\nfalse\n',
    );
  });
});
