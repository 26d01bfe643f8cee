/** *Receipts*: the log as it comes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { factsOf } from '../../cli/facts';
import { type Commit, onCommits, sizeOf } from '../lib/live';
import { go, linkTo, place } from '../lib/route';
import { categoryOf } from '../lib/streams';
import { SameCommand } from '../parts/command';
import { Empty } from '../parts/empty';
import { ReceiptList } from '../parts/receipt-list';
import { texts } from '../texts';

/** Of those that came, so many are kept, with so many characters; so many of these are shown. */
const KEPT = 2_000;
const KEPT_CHARACTERS = 20_000_000;
const SHOWN = 150;
const { receipts: words } = texts;

export function Receipts() {
  const { query } = place.value;
  const category = query.get('category') ?? '';
  const text = query.get('text') ?? '';
  const { commits, missed, isHeld, hold } = useTail();
  const known = [...new Set([...commits.map(({ stream }) => categoryOf(stream)), category])].filter(Boolean).sort();
  const shown = commits.filter(fitting(category, text)).slice(0, SHOWN);
  const to = (changes: Readonly<Record<string, string>>) => linkTo('receipts', [], { category, text, ...changes });
  return (
    <>
      <header class="pane-head">
        <h1 tabIndex={-1}>{words.title}</h1>
        <button type="button" aria-pressed={isHeld} onClick={() => hold(!isHeld)}>
          {isHeld ? words.goOn : words.pause}
        </button>
      </header>
      <div class="filters">
        <label class="filter">
          <span>{words.category}</span>
          <select value={category} onChange={(event) => go(to({ category: event.currentTarget.value }), 'replace')}>
            <option value="">{words.any}</option>
            {known.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="filter">
          <span>{words.text}</span>
          <input
            type="search"
            value={text}
            maxLength={128}
            spellcheck={false}
            onInput={(event) => go(to({ text: event.currentTarget.value }), 'replace')}
          />
        </label>
        {isHeld && <span class="soft">{words.held(missed)}</span>}
      </div>
      {shown.length > 0 && <ReceiptList commits={shown} />}
      {shown.length === 0 && commits.length > 0 && <Empty title={words.emptyFilter} />}
      {commits.length === 0 && (
        <Empty title={words.empty} text={words.emptyText} commands={['npx formicary post finance.reconciliation']} />
      )}
      <SameCommand
        lines={[
          `npx formicary tail${/^[a-z-]+$/.test(category) ? ` --category ${category}` : ''}`,
          'npx formicary verify',
        ]}
      />
    </>
  );
}

/** The newest receipts, the newest first; while held, those that come are counted, and shown afterwards. */
function useTail() {
  const [commits, setCommits] = useState<readonly Commit[]>([]);
  const [isHeld, setHeld] = useState(false);
  const [missed, setMissed] = useState(0);
  const held = useRef<readonly Commit[] | undefined>(undefined);
  useEffect(
    () =>
      onCommits((come) => {
        if (held.current === undefined) return setCommits((before) => newest(come, before));
        held.current = newest(come, held.current);
        setMissed((before) => before + come.length);
      }),
    [],
  );
  const hold = (on: boolean) => {
    const waiting = held.current ?? [];
    held.current = on ? [] : undefined;
    if (!on) setCommits((before) => kept([...waiting, ...before]));
    setMissed(0);
    setHeld(on);
  };
  return { commits, missed, isHeld, hold };
}

function newest(come: readonly Commit[], before: readonly Commit[]): readonly Commit[] {
  return kept([...come.toReversed(), ...before]);
}

/** @param commits the newest first */
function kept(commits: readonly Commit[]): readonly Commit[] {
  let left = KEPT_CHARACTERS;
  const over = commits.findIndex((commit, i) => i >= KEPT || (left -= sizeOf(commit)) < 0);
  return over < 0 ? commits : commits.slice(0, Math.max(1, over));
}

function fitting(category: string, text: string): (commit: Commit) => boolean {
  const sought = text.toLowerCase();
  return ({ stream, meta, events }) =>
    (category === '' || categoryOf(stream) === category) &&
    (sought === '' ||
      [stream, meta.actor.id, meta.action, ...events.flatMap((event) => [event.type, factsOf(event)])].some((part) =>
        part.toLowerCase().includes(sought),
      ));
}
