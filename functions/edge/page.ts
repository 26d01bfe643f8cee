/**
 * A thing as a page, for people who follow a link of a notice: what it holds, and how to go on. Without script; all
 * text is escaped.
 */
import { createHash } from 'node:crypto';
import { markupText } from '../../domain/kernel/text';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .6rem}';
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** What a page says besides the thing itself. */
export interface PageText {
  readonly title: string;
  /** The commands by which one goes on. */
  readonly commands: readonly string[];
}

/** Fields one below the other, in their order; what has parts as JSON. */
export function pageOf({ title, commands }: PageText, value: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(value).map(([name, field]) => {
    const text =
      typeof field === 'object' && field !== null
        ? `<pre>${markupText(JSON.stringify(field, null, 2))}</pre>`
        : markupText(String(field));
    return `<dt>${markupText(name)}</dt><dd>${text}</dd>`;
  });
  const next = commands.length === 0 ? '' : `<h2>How to go on</h2><pre>${commands.map(markupText).join('\n')}</pre>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${markupText(title)}</title><style>${STYLE}</style><h1>${markupText(title)}</h1>${next}<dl>${fields.join('')}</dl></html>`;
}
