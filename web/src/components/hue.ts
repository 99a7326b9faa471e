/** A colour of one's own, the same on every page: FNV-1a of the text, as an angle in degrees. */
export function hue_of(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 360;
}
