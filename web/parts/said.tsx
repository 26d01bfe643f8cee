/** What somebody else wrote: text alone, apart from the direction of the text around it, broken where it is long. */
import { said } from '../../cli/words';

/** Longer texts are cut: a list stays a list. Nothing is longer than a receipt. */
const MOST = 4_000;

export function Said({ text, most = MOST }: { readonly text: string; readonly most?: number }) {
  const shown = said(text.length > most ? `${text.slice(0, most)}…` : text);
  return <bdi class="said">{shown}</bdi>;
}

/** An id, or another word of the store. */
export function Code({ text }: { readonly text: string }) {
  return <bdi class="code">{said(text)}</bdi>;
}
