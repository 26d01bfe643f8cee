/** Who wants to see: by an issuer that the host trusts, or by the owner's key, which stays in this page. */
import { useState } from 'preact/hooks';
import { type Failure, failureIn } from '../lib/failure';
import { leaveFor, signIns } from '../lib/issuers';
import { refusal, signIn } from '../lib/session';
import { Command } from '../parts/command';
import { Problem } from '../parts/outcome';
import { Said } from '../parts/said';
import { texts } from '../texts';
import { Mark } from './mark';

const { signIn: words } = texts;

export function SignIn() {
  return (
    <main class="sign-in">
      <div>
        <p class="brand">
          <Mark /> {texts.name}
        </p>
        <h1>{words.title}</h1>
        {refusal.value !== undefined && <Problem failure={refusal.value} />}
        {signIns.length === 0 ? (
          <ByKey />
        ) : (
          <>
            <AtIssuers />
            <details>
              <summary>{words.byKey}</summary>
              <ByKey />
            </details>
          </>
        )}
      </div>
    </main>
  );
}

function AtIssuers() {
  const [leaving, setLeaving] = useState('');
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const leave = async (to: (typeof signIns)[number]) => {
    setLeaving(to.name);
    setFailure(undefined);
    try {
      await leaveFor(to);
    } catch (error) {
      setFailure(failureIn(error));
      setLeaving('');
    }
  };
  return (
    <>
      {failure !== undefined && <Problem failure={failure} />}
      {signIns.map((one) => (
        <button
          key={one.name}
          type="button"
          class="strong"
          data-tone="accent"
          disabled={leaving !== ''}
          onClick={() => void leave(one)}
        >
          {leaving === one.name ? words.leaving : <Said text={words.at(one.name)} />}
        </button>
      ))}
    </>
  );
}

function ByKey() {
  const [key, setKey] = useState('');
  const [keeps, setKeeps] = useState(true);
  const [tenant, setTenant] = useState('');
  const [subject, setSubject] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const enter = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await signIn(key, { tenant: tenant.trim() || undefined, subject: subject.trim() || undefined }, keeps);
    } catch (error) {
      setFailure(failureIn(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void enter();
      }}
    >
      <p>
        {words.intro} {words.where}
      </p>
      <p>
        <Command line="npx formicary login --show" />
      </p>
      <label>
        {words.key}
        <input
          type="password"
          required
          autocomplete="off"
          spellcheck={false}
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <label class="choice">
        <input type="checkbox" checked={keeps} onChange={(event) => setKeeps(event.currentTarget.checked)} />
        <span>
          {words.keep}
          <small class="soft">{words.keepHint}</small>
        </span>
      </label>
      <details>
        <summary>{words.acting}</summary>
        <label>
          {words.tenant}
          <input
            value={tenant}
            maxLength={63}
            spellcheck={false}
            onInput={(event) => setTenant(event.currentTarget.value)}
          />
        </label>
        <label>
          {words.subject}
          <input
            value={subject}
            maxLength={128}
            spellcheck={false}
            onInput={(event) => setSubject(event.currentTarget.value)}
          />
        </label>
        <small class="soft">{words.actingHint}</small>
      </details>
      {failure !== undefined && <Problem failure={failure} />}
      <button type="submit" class="strong" data-tone="accent" disabled={busy}>
        {busy ? words.entering : words.enter}
      </button>
      <small class="soft">{words.promise}</small>
    </form>
  );
}
