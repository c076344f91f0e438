import { describe, expect, it } from 'vitest';
import { drawnPictures, filled, written } from '../../bench/report.mjs';

const { found, page, picture } = written();

describe('the page about performance', () => {
  it('shows the figures that are beside it, of which each trial was run in full', () => {
    expect(found.quick).toBe(false);
    expect(page).toBe(filled(page, found));
  });

  it('has pictures of these figures', async () => {
    const drawn = await drawnPictures(found);
    expect(drawn.size).toBeGreaterThan(0);
    for (const [name, svg] of drawn) expect(picture(name), name).toBe(svg);
  });
});
