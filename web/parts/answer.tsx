/** What came of a step of a plan: a list, a thing, a tree, or the receipt of what was done; each with its links. */
import { usd } from '../../cli/words';
import type { Step } from '../../domain/asks/plan';
import type { Commit } from '../lib/live';
import { rowsOf } from '../lib/operations';
import { linkTo, linkToStream } from '../lib/route';
import { placeOf } from '../lib/streams';
import { type Row, thingsOf } from '../lib/things';
import { texts } from '../texts';
import { Badge, type Tone } from './badge';
import { type CausalChain, CausalTree } from './causal-tree';
import { Facts } from './facts';
import { ReceiptList } from './receipt-list';
import { Code, Said } from './said';
import { When } from './when';

/** As much of each is shown; its page shows the rest. */
const MOST_FIELDS = { row: 5, thing: 24 };
const MOST_LETTERS = 200;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
/** Says nothing to people, or stands in the link. */
const HIDDEN = /(?:^|\.)(?:id|version|hash|receipt|etag|tenant)$/;
const TONES: Readonly<Record<string, Tone>> = {
  active: 'good',
  running: 'good',
  dead: 'bad',
  lost: 'look',
  held: 'look',
};
const { ask: words } = texts;

export function Answer({ step, answer }: { readonly step: Step; readonly answer: unknown }) {
  const { operation } = step;
  if (operation === 'why') return <CausalTree chain={answer as CausalChain} />;
  const { value, nextLink, receipt } = answer as { value?: unknown; nextLink?: string; receipt?: { stream: string } };
  if (receipt !== undefined && step.risk > 0) return <Done receipt={receipt as Receipt} />;
  if (operation === 'readStream') return <ReceiptList commits={value as readonly Commit[]} />;
  if (!Array.isArray(value)) return <Thing step={step} thing={answer as Row} />;
  const rows = (value as Row[]).slice(0, rowsOf(step));
  const isCut = rows.length < value.length || nextLink !== undefined;
  return (
    <>
      {rows.length === 0 && <p class="soft">{words.nothing}</p>}
      <ul class="rows">
        {rows.map((row, i) => (
          <li key={i} class="row">
            <Name step={step} thing={row} />
            {typeof row['status'] === 'string' && <Status text={row['status']} />}
            <span class="grow soft">
              {fieldsOf(row, thingsOf(step).called)
                .filter(([name, field]) => name !== 'status' && field !== false)
                .slice(0, MOST_FIELDS.row)
                .map(([name, field]) => (
                  <span key={name} class="field">
                    <Said text={named(name)} most={60} /> <Value name={name} of={field} />
                  </span>
                ))}
            </span>
          </li>
        ))}
      </ul>
      {isCut && <p class="soft">{words.cut(rows.length)}</p>}
    </>
  );
}

interface Receipt {
  readonly stream: string;
  readonly version: number;
}

/** What was done, by its receipt. */
function Done({ receipt: { stream, version } }: { readonly receipt: Receipt }) {
  const [, category = '', id = ''] = stream.split('/');
  return (
    <p>
      {words.done}{' '}
      <a href={linkToStream(stream)}>
        <Code text={`${category}/${id}`} />
      </a>
      {' · '}
      <a href={linkTo('receipts', [category, id], { at: String(version) })}>{words.receipt}</a>
    </p>
  );
}

function Thing({ step, thing }: { readonly step: Step; readonly thing: Row }) {
  const fields = fieldsOf(thing).slice(0, MOST_FIELDS.thing);
  return (
    <>
      <p>
        <Name step={step} thing={thing} />
      </p>
      <Facts of={fields.map(([name, field]) => [named(name), <Value key={name} name={name} of={field} />])} />
    </>
  );
}

/** What a thing is called, as a link to where it is shown. */
function Name({ step, thing }: { readonly step: Step; readonly thing: Row }) {
  const { called = [], to } = thingsOf(step);
  const name = called.flatMap((field) => (thing[field] as string | undefined) ?? []).join(' ');
  if (to === undefined) return name === '' ? null : <Code text={name} />;
  return <a href={to(name, thing)}>{name === '' ? words.open : <Code text={name} />}</a>;
}

function Status({ text }: { readonly text: string }) {
  return <Badge tone={TONES[text] ?? 'quiet'} text={text} />;
}

function Value({ name, of: value }: { readonly name: string; readonly of: string | number | boolean }) {
  if (name.endsWith('_micro_usd')) return <>{usd(value as number)}</>;
  if (typeof value !== 'string') return <>{typeof value === 'number' ? value.toLocaleString('en') : String(value)}</>;
  if (TIME.test(value)) return <When at={value} />;
  const place = placeOf(value);
  if (place === undefined) return <Said text={value} most={MOST_LETTERS} />;
  return (
    <a href={linkToStream(place.stream)}>
      <Code text={value} />
    </a>
  );
}

/** The plain values of a thing by their paths; those of a list are on its page. */
function fieldsOf(thing: Row, but: readonly string[] = []): [string, string | number | boolean][] {
  return Object.entries(thing).flatMap(([name, value]): [string, string | number | boolean][] => {
    if (value === null || value === undefined || value === '' || HIDDEN.test(name) || but.includes(name)) return [];
    if (typeof value !== 'object') return [[name, value as string | number | boolean]];
    if (Array.isArray(value)) return [];
    return fieldsOf(value as Row).map(([inner, field]) => [`${name}.${inner}`, field]);
  });
}

function named(path: string): string {
  return path.replaceAll('_micro_usd', '').replaceAll(/[_.]/g, ' ');
}
