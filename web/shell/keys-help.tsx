/** The list of shortcuts, and the switch that turns them off. */
import { useEffect, useRef } from 'preact/hooks';
import { onKey, setShortcuts, shortcuts } from '../lib/keys';
import { texts } from '../texts';

const { keys: words } = texts;

export function KeysHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = () => dialog.current?.showModal();
  useEffect(() => onKey('?', open), []);
  return (
    <>
      <button type="button" class="plain" onClick={open}>
        {words.open}
      </button>
      <dialog ref={dialog} aria-label={words.title}>
        <h2>{words.title}</h2>
        <dl class="facts">
          {words.list.map(([keys, what]) => (
            <div key={keys}>
              <dt>
                <kbd>{keys}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <label class="choice">
          <input
            type="checkbox"
            checked={shortcuts.value}
            onChange={(event) => setShortcuts(event.currentTarget.checked)}
          />
          <span>{words.on}</span>
        </label>
        <form method="dialog">
          <button type="submit">{words.close}</button>
        </form>
      </dialog>
    </>
  );
}
