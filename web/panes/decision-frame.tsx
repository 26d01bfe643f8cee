/** The frame of *Decisions*: its lists by tabs, and beside a list the one of it that is looked at. */
import type { ComponentChildren } from 'preact';
import type { Loaded } from '../lib/load';
import { asOf, go, linkTo } from '../lib/route';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { AsOf, Shown } from '../parts/outcome';
import { Pages } from '../parts/pages';
import { texts } from '../texts';

const { decisions: words } = texts;

interface Page<R> {
  readonly value: readonly R[];
  readonly nextLink?: string | undefined;
}

interface FrameProps<R> {
  readonly at: 'waiting' | 'closed' | 'vetoes' | 'rounds';
  /** Of the one that is looked at. */
  readonly id: string | undefined;
  readonly of: Loaded<Page<R>>;
  /** Where the list is: what follows `decisions` in its address, and which page of it. */
  readonly rest: readonly string[];
  readonly query: { readonly page: string | undefined; readonly status?: string | undefined };
  /** What is said where the list has nothing. */
  readonly empty: { readonly title: string; readonly text: string; readonly commands: readonly string[] };
  readonly label?: string;
  /** Whether the list is of now while the rest of the page is as of earlier. */
  readonly isOfNow?: boolean;
  readonly row: (row: R) => ComponentChildren;
  /** What stands behind the rows. */
  readonly behind?: (rows: readonly R[]) => ComponentChildren;
  readonly commands: readonly string[];
  /** The one that is looked at. */
  readonly children: ComponentChildren;
}

/** On a wide screen the list stays beside the one that is looked at; on a phone each is a page. */
export function DecisionFrame<R>(props: FrameProps<R>) {
  const { at, id, of, rest, query, empty, label, isOfNow = false, row, behind, commands, children } = props;
  return (
    <div class="split" data-open={id !== undefined}>
      <h1 tabIndex={-1}>{words.title}</h1>
      <div class="split-list">
        <Tabs at={at} />
        {isOfNow && asOf.value !== undefined && <p>{texts.timeBar.list}</p>}
        <Shown of={of}>
          {({ value, nextLink }) => (
            <>
              {value.length === 0 && <Empty {...empty} />}
              <ul class="rows queue" aria-label={label}>
                {value.map(row)}
              </ul>
              {behind?.(value)}
              <Pages
                page={query.page}
                nextLink={nextLink}
                onPage={(page) => go(linkTo('decisions', rest, { ...query, page }))}
              />
            </>
          )}
        </Shown>
        <p>
          <AsOf of={of} />
        </p>
        <SameCommand lines={commands} />
      </div>
      <div class="split-one">
        {id !== undefined ? children : (of.data?.value.length ?? 0) > 0 && <p class="soft choose">{words.choose}</p>}
      </div>
    </div>
  );
}

/** What waits for people, what they decided, what they may veto, and what agents decide together. */
function Tabs({ at }: Pick<FrameProps<unknown>, 'at'>) {
  const tabs = [
    ['waiting', words.waiting, linkTo('decisions')],
    ['closed', words.closed, linkTo('decisions', [], { status: 'closed' })],
    ['vetoes', texts.vetoes.title, linkTo('decisions', ['actions'])],
    ['rounds', words.rounds, linkTo('decisions', ['rounds'])],
  ] as const;
  return (
    <nav class="tabs" aria-label={words.queue}>
      {tabs.map(([name, text, link]) => (
        <a key={name} href={link} aria-current={name === at ? 'true' : undefined}>
          {text}
        </a>
      ))}
    </nav>
  );
}
