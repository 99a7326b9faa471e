import { expect, it } from 'vitest';
import { kMaxZoom, moved, whole, zoomed } from './crop';

const picture = { width: 400, height: 200 };

it('starts with the largest square in the middle', () => {
  expect(whole(picture)).toEqual({ x: 200, y: 100, side: 200 });
});

it('zooms about the middle, within limits', () => {
  expect(zoomed(picture, whole(picture), 2)).toEqual({ x: 200, y: 100, side: 100 });
  expect(zoomed(picture, whole(picture), 0).side).toBe(200);
  expect(zoomed(picture, whole(picture), 1000).side).toBe(200 / kMaxZoom);
});

it('stays inside the picture', () => {
  expect(moved(picture, whole(picture), -9, -9)).toEqual({ x: 100, y: 100, side: 200 });
  expect(moved(picture, whole(picture), 9, 9)).toEqual({ x: 300, y: 100, side: 200 });
  const corner = moved(picture, zoomed(picture, whole(picture), 4), 9, 9);
  expect(corner).toEqual({ x: 375, y: 175, side: 50 });
  // Further away again, and it is pushed back from the edge.
  expect(zoomed(picture, corner, 1)).toEqual({ x: 300, y: 100, side: 200 });
});
