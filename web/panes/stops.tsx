/** What is stopped; stop something, and lift it. The host demands a second person where the rules do. */
import { useState } from 'preact/hooks';
import type { Shown as ShownOf } from '../../contract/route';
import type { Stop as StopSchema, stops } from '../../contract/stops/stops';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { Badge } from '../parts/badge';
import { CommandForm } from '../parts/command-form';
import { Section } from '../parts/facts';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { When } from '../parts/when';
import { texts } from '../texts';

type Stop = ShownOf<typeof StopSchema>;
type Kind = Stop['kind'];
type Effect = Stop['effect'];

/** Everything, and other tenants, are stopped by the platform's people; they have a terminal. */
const KINDS: readonly Kind[] = ['agent', 'agent_type', 'task', 'tool', 'model', 'tenant'];
const EFFECTS: readonly Effect[] = ['freeze', 'quarantine'];
const EVERY_MS = 15_000;
const { governance: words } = texts;

export function Stops() {
  const loaded = useLoad('stops', (signal) => call<typeof stops.list>('GET /v1/stops', {}, { signal }), {
    changedBy: ['stop'],
    everyMs: EVERY_MS,
  });
  const [said, setSaid] = useState('');
  const done = (text: string) => {
    setSaid(text);
    loaded.reload();
  };
  return (
    <Section title={words.stops} aside={<AsOf of={loaded} />}>
      <Shown of={loaded}>
        {({ value }) => (
          <>
            {value.length === 0 && <p class="soft">{words.stopsNone}</p>}
            <ul class="rows">
              {value.map((stop) => (
                <StopRow key={`${stop.kind} ${stop.name}`} stop={stop} onDone={done} />
              ))}
            </ul>
          </>
        )}
      </Shown>
      <StopForm onDone={done} />
      <p role="status" class="said-done">
        {said}
      </p>
    </Section>
  );
}

function StopRow({ stop, onDone }: { readonly stop: Stop; readonly onDone: (text: string) => void }) {
  const { kind, name, effect, by, reason, since, agreed } = stop;
  return (
    <li class="row">
      <Badge tone={effect === 'quarantine' ? 'bad' : 'look'} text={effect} />
      <span class="grow">
        <strong>
          <Said text={`${kind} ${name}`} most={200} />
        </strong>{' '}
        <Said text={`${by}: ${reason}`} most={400} />
        {agreed !== undefined && <Said text={` ${words.agreed(agreed.by)}`} />}
        <CommandForm
          title={words.lift}
          tone="info"
          onSend={async (why) => {
            const answer = await call<typeof stops.lift>('POST /v1/stops/{kind}/{name}/lift', {
              params: { kind, name },
              body: { reason: why },
            });
            onDone(answer.lifted ? words.lifted : words.second);
          }}
        />
      </span>
      <When at={since} />
    </li>
  );
}

function StopForm({ onDone }: { readonly onDone: (text: string) => void }) {
  const [kind, setKind] = useState<Kind>('agent');
  const [name, setName] = useState('');
  const [effect, setEffect] = useState<Effect>('freeze');
  return (
    <CommandForm
      title={words.stop}
      tone="bad"
      onSend={async (reason) => {
        const answer = await call<typeof stops.stop>('PUT /v1/stops/{kind}/{name}', {
          params: { kind, name: name.trim() },
          body: { effect, reason },
        });
        onDone(words.stopped(answer.in_flight.length));
      }}
    >
      <label>
        {words.kind}
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
          {KINDS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        {words.name}
        <input
          required
          maxLength={128}
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        {words.effect}
        <select value={effect} onChange={(event) => setEffect(event.currentTarget.value as Effect)}>
          {EFFECTS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <small class="soft">{words.effectHint}</small>
      </label>
      {name !== '' && (
        <p class="soft">
          <Code text={`${effect} ${kind} ${name}`} />
        </p>
      )}
    </CommandForm>
  );
}
