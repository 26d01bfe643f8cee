/** The first `most` UTF-16 code units of a text, or one less, so that no character is cut in half. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '');
}
