/** A list, page by page: which page is a part of the address, so that it can be shared. */
import { useState } from 'preact/hooks';
import { texts } from '../texts';

interface Props {
  readonly page: string | undefined;
  readonly nextLink: string | undefined;
  readonly onPage: (continuation: string | undefined) => void;
}

/** Where the next page begins, as the list says. */
export function continuationOf(nextLink: string | undefined): string | undefined {
  return nextLink === undefined
    ? undefined
    : (new URL(nextLink, location.origin).searchParams.get('continuation') ?? undefined);
}

export function Pages({ page, nextLink, onPage }: Props) {
  const next = continuationOf(nextLink);
  if (page === undefined && next === undefined) return null;
  return (
    <nav class="pages">
      {page !== undefined && (
        <button type="button" onClick={() => onPage(undefined)}>
          {texts.first}
        </button>
      )}
      {next !== undefined && (
        <button type="button" onClick={() => onPage(next)}>
          {texts.more}
        </button>
      )}
    </nav>
  );
}

/** A field to type an id into, and go to it. */
export function FindById({ label, onFind }: { readonly label: string; readonly onFind: (id: string) => void }) {
  const [id, setId] = useState('');
  return (
    <form
      class="find"
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim() !== '') onFind(id.trim());
      }}
    >
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={id}
        maxLength={128}
        autocapitalize="off"
        spellcheck={false}
        onInput={(event) => setId(event.currentTarget.value)}
      />
      <button type="submit">{texts.tasks.open}</button>
    </form>
  );
}
