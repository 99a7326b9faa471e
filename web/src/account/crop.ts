/** Which square of a picture is kept: its middle and its side, in pixels of the picture. */
export interface Crop {
  x: number;
  y: number;
  side: number;
}

export interface Size {
  width: number;
  height: number;
}

export const kMaxZoom = 5;

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/** The largest square in the middle. */
export function whole(picture: Size): Crop {
  return { x: picture.width / 2, y: picture.height / 2, side: Math.min(picture.width, picture.height) };
}

/** The same middle, `zoom` times as close (1 to kMaxZoom), inside the picture. */
export function zoomed(picture: Size, crop: Crop, zoom: number): Crop {
  return inside(picture, { ...crop, side: Math.min(picture.width, picture.height) / clamp(zoom, 1, kMaxZoom) });
}

/** Moved by so many sides of itself, but not over the edge. */
export function moved(picture: Size, crop: Crop, dx: number, dy: number): Crop {
  return inside(picture, { ...crop, x: crop.x + dx * crop.side, y: crop.y + dy * crop.side });
}

function inside(picture: Size, { x, y, side }: Crop): Crop {
  return { x: clamp(x, side / 2, picture.width - side / 2), y: clamp(y, side / 2, picture.height - side / 2), side };
}
