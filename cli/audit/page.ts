/**
 * A report for people: one page without script and without anything from elsewhere, that prints as it is seen. All that
 * is told in it may be somebody's attempt at markup.
 */
import { createHash } from 'node:crypto';
import { grouped } from '../../domain/kernel/text';
import { Markup, markup } from './markup';

const STYLE = [
  ':root{--ink:#1d2433;--soft:#5b6474;--line:#d5dae3;--allow:#3b7dd8;--ask:#d99a1c;--deny:#c23a3a;color-scheme:light}',
  '*{box-sizing:border-box}body{margin:2rem auto;max-width:56rem;padding:0 1rem;color:var(--ink);background:#fff;font:15px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}',
  'h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}h3{font-size:.95rem;margin:1.2rem 0 .4rem}',
  'p{margin:.4rem 0}.soft{color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:.87rem}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}',
  'th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.t{white-space:nowrap}',
  'code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.85em}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f7fa;padding:.7rem;border-radius:4px}',
  '.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0;padding:0;list-style:none}.tiles li{border:1px solid var(--line);border-radius:6px;padding:.5rem .9rem;min-width:8rem}.tiles b{display:block;font-size:1.35rem}',
  '.holds,.fails{border-left:4px solid #2c8a4b;padding:.4rem .9rem;background:#f3faf5}.fails{border-color:var(--deny);background:#fdf4f4}',
  'svg{width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:var(--soft)}svg line{stroke:var(--line)}.allow,.bar{fill:var(--allow)}.needs_approval{fill:var(--ask)}.deny{fill:var(--deny)}.completed{fill:var(--allow)}.cancelled{fill:var(--ask)}.failed{fill:var(--deny)}',
  '.key span{margin-right:1rem}.key svg{width:.8em;height:.8em;margin-right:.3em}',
  '@page{margin:15mm}@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}tr,svg,.tiles{break-inside:avoid}pre{background:none;border:1px solid var(--line)}}',
].join('\n');
/** Nothing runs, nothing is loaded; the one style is known by its hash. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`;

export function page(title: string, body: Markup): string {
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer"><title>${title}</title><style>${new Markup(STYLE)}</style></head><body>
${body}
</body></html>
`.text;
}

/** Figures that are seen first. */
export function tiles(list: readonly (readonly [value: string, name: string])[]): Markup {
  return markup`<ul class="tiles">${list.map(([value, name]) => markup`<li><b>${value}</b>${name}</li>`)}</ul>`;
}

/** Numbers stand to the right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  more: Markup | string = '',
): Markup {
  const isNumber = (at: number) => typeof rows[0]?.[at] === 'number';
  const cell = (value: string | number, at: number) =>
    isNumber(at) ? markup`<td class="n">${grouped(Number(value))}</td>` : markup`<td>${value}</td>`;
  return markup`<table><thead><tr>${heads.map((head, i) => (isNumber(i) ? markup`<th class="n">${head}</th>` : markup`<th>${head}</th>`))}</tr></thead><tbody>${rows.map((row) => markup`<tr>${row.map(cell)}</tr>`)}</tbody></table>${more}`;
}
