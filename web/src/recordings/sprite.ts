import type { Sprite } from '@/api/recordings';

export interface Tile {
  /** Where the small picture begins in the large one, in pixels. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The small picture that shows the recording at `seconds`; null if the sprite holds none. */
export function sprite_tile(sprite: Sprite, seconds: number): Tile | null {
  const { interval, columns, rows, width, height } = sprite;
  const count = Math.min(sprite.count, columns * rows);
  if (!(count >= 1 && interval > 0 && width > 0 && height > 0)) return null;
  const index = Math.min(Math.max(0, Math.floor(seconds / interval)), count - 1);
  return { x: (index % columns) * width, y: Math.floor(index / columns) * height, width, height };
}

/** That tile as a style: `show_width` pixels wide on the page. */
export function sprite_style(sprite: Sprite, seconds: number, show_width: number): Record<string, string> | null {
  const tile = sprite_tile(sprite, seconds);
  if (tile === null) return null;
  const scale = show_width / tile.width;
  const px = (value: number): string => `${Math.round(value * scale * 100) / 100}px`;
  return {
    inlineSize: px(tile.width),
    blockSize: px(tile.height),
    backgroundImage: `url("${sprite.url}")`,
    backgroundSize: `${px(sprite.columns * tile.width)} ${px(sprite.rows * tile.height)}`,
    backgroundPosition: `${px(-tile.x)} ${px(-tile.y)}`,
  };
}

/** Where on a bar that begins at `left` and is `width` wide a pointer is: 0 to 1. */
export function share_of_bar(x: number, left: number, width: number): number {
  return width > 0 ? Math.min(1, Math.max(0, (x - left) / width)) : 0;
}

/** Keeps something `size` wide, centred at `center`, within a bar of `width`: where its left edge goes. */
export function centered_within(center: number, size: number, width: number): number {
  return Math.max(0, Math.min(center - size / 2, width - size));
}
