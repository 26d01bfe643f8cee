/** Where in the window one is: addresses without a hash, each of which can be shared. */
import { computed, signal } from '@preact/signals';

export const PANES = [
  ...(['now', 'tasks', 'decisions', 'agents', 'activity', 'receipts', 'governance', 'mesh', 'field'] as const),
] as const;
export type Pane = (typeof PANES)[number];

const BASE = '/window';
const address = signal(location.pathname + location.search);

export interface Place {
  readonly pane: Pane | undefined;
  /** What follows the pane: the ids of what is looked at. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

export const place = computed<Place>(() => {
  const url = new URL(address.value, location.origin);
  const [first = 'now', ...rest] = url.pathname.replace(BASE, '').split('/').filter(Boolean).map(decoded);
  return { pane: PANES.find((pane) => pane === first), rest, query: url.searchParams };
});

/** As of when things are to be shown, where that is not now; every link goes on with it. */
export const asOf = computed(() => {
  const given = place.value.query.get('asOf') ?? '';
  const time = Date.parse(given);
  return Number.isFinite(time) ? new Date(time).toISOString() : undefined;
});

/** The address of a pane, and of what is looked at there. */
export function linkTo(
  pane: Pane,
  rest: readonly string[] = [],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const path = pane === 'now' ? '/' : [BASE, pane, ...rest.map(encodeURIComponent)].join('/');
  const given = Object.entries({ asOf: asOf.value, ...query }).filter(
    (entry): entry is [string, string] => (entry[1] ?? '') !== '',
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** The page of what a stream is about, where there is one; its receipts elsewhere. */
export function linkToStream(stream: string): string {
  const [, category = '', id = ''] = stream.split('/');
  if (category === 'round') return linkTo('decisions', ['rounds', id]);
  if (category === 'action') return linkTo('decisions', ['actions', id]);
  const pane = ({ task: 'tasks', agent: 'agents', approval: 'decisions' } as const)[category];
  return pane === undefined ? linkTo('receipts', [category, id]) : linkTo(pane, [id]);
}

export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (to === address.peek()) return;
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  address.value = to;
}

/** Follows links within the window without a new page. */
export function watchAddress(): void {
  addEventListener('popstate', () => (address.value = location.pathname + location.search));
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
    // A place on this page: the browser goes there, and so does the focus.
    if (link.hash !== '') return;
    if (link.pathname !== '/' && !link.pathname.startsWith(`${BASE}/`)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
