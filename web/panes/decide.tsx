/**
 * Approve, reject, correct, ask back: by a thumb or a key. Each opens a form with a reason, which stands on the
 * receipt; nothing is decided by one key alone. A decision is bound to the hash that the person has seen.
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { approvals } from '../../contract/oversight/approvals';
import { call } from '../lib/api';
import { Failure, failureIn } from '../lib/failure';
import { onKey } from '../lib/keys';
import { Choices } from '../parts/choices';
import { Problem } from '../parts/outcome';
import { texts } from '../texts';
import type { Approval, Asked } from './decision';

type Way = 'approve' | 'reject' | 'edit' | 'ask';

const WAYS = [
  ['approve', 'a', 'good'],
  ['reject', 'x', 'bad'],
  ['edit', 'c', 'info'],
  ['ask', 'q', 'info'],
] as const;
const MAX_TEXT = 2_000;
const { decisions: words } = texts;

interface Props extends Asked {
  /** Hears what was done, in words. */
  readonly onDone: (text: string) => void;
}

export function Decide({ approval, action, onDone }: Props) {
  const [way, setWay] = useState<Way | undefined>(undefined);
  const ways = WAYS.filter(([name]) => name !== 'edit' || action !== undefined);
  useEffect(() => {
    const ends = ways.map(([name, key]) => onKey(key, () => setWay(name)));
    return () => ends.forEach((end) => end());
  }, [ways.length]);
  return (
    <div class="decide" role="group" aria-label={words.one}>
      {way === undefined ? (
        <div class="decide-ways">
          {ways.map(([name, key, tone]) => (
            <button
              key={name}
              type="button"
              class="strong"
              data-tone={tone}
              aria-keyshortcuts={key}
              onClick={() => setWay(name)}
            >
              {words[name]}
            </button>
          ))}
        </div>
      ) : (
        <DecideForm
          key={way}
          way={way}
          approval={approval}
          action={action}
          onDone={onDone}
          onBack={() => setWay(undefined)}
        />
      )}
    </div>
  );
}

interface FormProps extends Props {
  readonly way: Way;
  readonly onBack: () => void;
}

function DecideForm({ way, approval, action, onDone, onBack }: FormProps) {
  // What the person has seen when the form was opened: what has changed since is refused by its hash.
  const [seen] = useState(approval);
  const [text, setText] = useState('');
  const [edit, setEdit] = useState(() => JSON.stringify(action, null, 2));
  const [choice, setChoice] = useState<string | undefined>(seen.leader);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const field = useRef<HTMLTextAreaElement>(null);
  // Before it is painted: what is typed at once belongs to the field.
  useLayoutEffect(() => field.current?.focus(), []);

  const send = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      const answer = await decided(way, seen, { text, edit, choice });
      onBack();
      const done = way === 'ask' ? words.done.asked : doneIn(answer.approval);
      const { stream, version } = answer.receipt;
      onDone(`${done}: ${words.receipt(`${stream}@${version}`)}`);
    } catch (error) {
      setFailure(failureIn(error));
    } finally {
      setBusy(false);
    }
  };
  const tone = WAYS.find(([name]) => name === way)?.[2];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {way === 'edit' && (
        <label>
          {words.editHint}
          <textarea
            class="code"
            rows={8}
            spellcheck={false}
            value={edit}
            onInput={(event) => setEdit(event.currentTarget.value)}
          />
        </label>
      )}
      {(way === 'approve' || way === 'edit') && seen.choices !== undefined && (
        <Choices
          of={seen.choices}
          legend={seen.leader === undefined ? words.choiceTie : words.choice}
          chosen={choice}
          onChoice={setChoice}
        />
      )}
      <label>
        {way === 'ask' ? words.askHint : words.reason}
        <textarea
          ref={field}
          required
          rows={2}
          maxLength={MAX_TEXT}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {failure !== undefined && <Problem failure={failure} />}
      <div class="decide-ways">
        <button type="submit" class="strong" data-tone={tone} disabled={busy}>
          {way === 'edit' ? words.editApprove : way === 'ask' ? words.askSend : words[way]}
        </button>
        <button type="button" onClick={onBack}>
          {words.back}
        </button>
      </div>
    </form>
  );
}

interface Filled {
  readonly text: string;
  readonly edit: string;
  readonly choice: string | undefined;
}

/** Sends it; throws a `Failure`. */
async function decided(way: Way, { id, hash, choices }: Approval, { text, edit, choice }: Filled) {
  const params = { approval_id: id };
  if (way === 'ask')
    return await call<typeof approvals.ask>('POST /v1/approvals/{approval_id}/ask', {
      params,
      body: { question: text },
    });
  if (way === 'reject')
    return await call<typeof approvals.reject>('POST /v1/approvals/{approval_id}/reject', {
      params,
      body: { hash, reason: text },
    });
  const body = {
    ...{ hash, reason: text },
    ...(choices !== undefined && { choice }),
    ...(way === 'edit' && { edit: parsed(edit) }),
  };
  return await call<typeof approvals.approve>('POST /v1/approvals/{approval_id}/approve', { params, body });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure(0, words.editWrong, error instanceof Error ? error.message : String(error), 'no-json');
  }
}

function doneIn({ outcome, status, given, approvals_needed: needed }: Approval): string {
  if (status === 'waiting') return words.done.partly(given.length, needed);
  return outcome === 'rejected' ? words.done.rejected : words.done.approved;
}
