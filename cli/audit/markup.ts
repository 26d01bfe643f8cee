/** HTML that is put together: what is put into it is text, unless it was put together in the same way. */
import { markupText, visible } from '../../domain/kernel/text';

export class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | readonly Part[];

/** A template whose parts are escaped, and show what would act in them. */
export function markup(pieces: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(pieces.map((piece, i) => (i === 0 ? piece : `${rendered(parts[i - 1] as Part)}${piece}`)).join(''));
}

function rendered(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(rendered).join('');
  return typeof part === 'number' ? String(part) : markupText(visible(part));
}
