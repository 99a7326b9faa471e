/** How long a text is as people and the server count it; JavaScript counts an emoji as two or more. */
export function characters(text: string): number {
  return Array.from(text).length;
}

/** No more than the first `most` characters, none of them cut in the middle. */
export function first_characters(text: string, most: number): string {
  return text.length <= most ? text : Array.from(text).slice(0, most).join('');
}

/**
 * The key belongs to an input method that composes a word at this moment. Safari ends the composition before it tells
 * of the key that ended it, and then only the code says so (WebKit bug 165004).
 */
export function is_composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
