// What the pictures of the documentation have in common: they are drawn by Vega-Lite, once for each of GitHub's themes.
import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';

/** The colours of GitHub's two themes, so that a picture has no edge there. */
export const themes = {
  light: {
    page: '#ffffff',
    text: '#1f2328',
    muted: '#59636e',
    line: '#d1d9e0',
    runs: '#2da44e',
    frozen: '#0969da',
    cancelled: '#cf222e',
  },
  dark: {
    page: '#0d1117',
    text: '#f0f6fc',
    muted: '#9198a1',
    line: '#3d444d',
    runs: '#2ea043',
    frozen: '#4493f8',
    cancelled: '#f85149',
  },
};
export type Theme = keyof typeof themes;

export const themeNames: readonly Theme[] = ['light', 'dark'];

const font = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif';
export const monospace = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace';

/** Fonts and colours. */
export function styleOf(theme: Theme): Config {
  const colour = themes[theme];
  return {
    aria: false,
    font,
    view: { stroke: null },
    title: {
      anchor: 'start',
      frame: 'bounds',
      offset: 14,
      fontSize: 16,
      color: colour.text,
      subtitleFontSize: 14,
      subtitleColor: colour.muted,
      subtitlePadding: 6,
    },
    axis: { labelColor: colour.text, tickColor: colour.line, domainColor: colour.line },
    legend: {
      orient: 'bottom',
      title: null,
      labelColor: colour.text,
      labelFontSize: 14,
      symbolType: 'square',
      labelLimit: 0,
    },
  };
}

/** The picture as a file of SVG, without any resource outside of it. The words are for those who do not see it. */
export async function svgOf(
  specification: TopLevelSpec,
  { title, words }: { readonly title: string; readonly words: string },
): Promise<string> {
  const view = new View(parse(compile(specification).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  const named = svg.replace(
    /^<svg([^>]*)>/,
    `<svg$1 role="img" aria-labelledby="title desc"><title id="title">${title}</title><desc id="desc">${words}</desc>`,
  );
  // An element a line, so that git shows what has changed, and figures with two decimals at most.
  return `${named.replaceAll('><', '>\n<').replaceAll(/\d+\.\d{3,}/g, (figure) => String(Number(Number(figure).toFixed(2))))}\n`;
}
