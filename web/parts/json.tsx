/** What its owner may form as they like, as JSON; long ones are cut until somebody wants all. */
import { useState } from 'preact/hooks';
import { said } from '../../cli/words';
import { texts } from '../texts';

const MOST = 4_000;

export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  const [all, setAll] = useState(false);
  const text = JSON.stringify(value, null, 2) ?? 'null';
  const cut = !all && text.length > MOST;
  return (
    <>
      <pre class="json" tabIndex={0} role="region" aria-label={label}>
        {said(cut ? `${text.slice(0, MOST)}…` : text)}
      </pre>
      {cut && (
        <button type="button" class="plain" onClick={() => setAll(true)}>
          {texts.showAll} ({texts.cutAfter(`${text.length.toLocaleString('en')} characters`)})
        </button>
      )}
    </>
  );
}
