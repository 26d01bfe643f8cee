/**
 * Texts that people and agents wrote: how long they may be, cut where a character ends, and shown without what would
 * act on a screen.
 */

/** Whether a text says something, in at most `longest` UTF-16 code units. */
export function isText(value: string, longest: number): boolean {
  return value.trim() !== '' && value.length <= longest;
}

/** A whole number as readers like it: `1,000`. Without `Intl`, whose first use would cost each start 25 ms. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** What is said of one that does not; `name` is the field's. */
export function textRule(name: string, longest: number): string {
  return `${name} must be a text of 1 to ${grouped(longest)} characters`;
}

/**
 * The first `most` UTF-16 code units of a text, or one less, so that no character is cut in half. What is recorded is
 * cut so.
 */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, Math.max(0, most)).replace(/[\uD800-\uDBFF]$/, '');
}

/** What a reader takes for one character is hardly longer. */
const LONGEST_CHARACTER = 100;

/**
 * A text of at most `most` UTF-16 code units for people: one that is longer ends with an ellipsis, behind whole
 * characters as readers see them (an emoji of several parts, a letter with its accents).
 */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const room = cut(text, most - 1);
  // Only the end may be parted: the characters before it are whole, however they began.
  const start = Math.max(0, room.length - LONGEST_CHARACTER);
  let end = 0;
  for (const { index, segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(
    text.slice(start, room.length + LONGEST_CHARACTER),
  )) {
    if (start + index + segment.length > room.length) break;
    end = start + index + segment.length;
  }
  return `${end === 0 ? room : text.slice(0, end)}…`;
}

/**
 * All that moves a cursor, colours a screen, ends a line, or hides and turns text around; joiners inside of words and
 * emoji stay.
 */
const ACTING = /(?![\n\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with each character that would act, rather than be seen, as its escape: `\u001b`. Line feeds stay. */
export function visible(text: string): string {
  return text.replaceAll(ACTING, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const MARKUP: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text as it stands in HTML or SVG, between tags or as a quoted value: nothing of it is markup. */
export function markupText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => MARKUP[character] as string);
}

const PLAIN = /^[A-Za-z0-9_./:@=,+~-]+$/;

/** Arguments as they are typed in a POSIX shell: what is not plain stands in single quotes, and acts nowhere. */
export function typed(argv: readonly string[]): string {
  return argv.map((text) => (PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)).join(' ');
}
