/** Something that changes what is: opened first, then said why, then done. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Failure, failureIn } from '../lib/failure';
import { texts } from '../texts';
import { Problem } from './outcome';

interface Props {
  readonly title: string;
  readonly tone: 'bad' | 'info';
  /** Receipts say why; where the API takes no reason, false. */
  readonly needsReason?: boolean;
  /** Further fields, before the reason. */
  readonly children?: ComponentChildren;
  /** Throws a `Failure`. */
  readonly onSend: (reason: string) => Promise<void>;
}

export function CommandForm({ title, tone, needsReason = true, children, onSend }: Props) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const send = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await onSend(reason);
      setReason('');
    } catch (error) {
      setFailure(failureIn(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <details class="command-form">
      <summary>{title}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {children}
        {needsReason && (
          <label>
            {texts.tasks.reason}
            <input
              required
              maxLength={2_000}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {failure !== undefined && <Problem failure={failure} />}
        <button type="submit" class="strong" data-tone={tone} disabled={busy}>
          {title}
        </button>
      </form>
    </details>
  );
}
