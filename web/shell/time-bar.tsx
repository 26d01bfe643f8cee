/** Goes back in time: what a part of the window shows as it was then, and says so plainly where it can't. */
import { useEffect, useState } from 'preact/hooks';
import { asOf, go, linkTo, place } from '../lib/route';
import { hostNow } from '../lib/session';
import { dayTime, now } from '../lib/time';
import { texts } from '../texts';

const { timeBar: words } = texts;

/** How far back the slider goes; any other time can be typed. */
const BACK_MS = 86_400_000;
const STEPS = 200;
/** Where it begins. */
const FIRST_MS = 300_000;

export function TimeBar() {
  const at = asOf.value;
  const possible = canBeShown();
  if (at === undefined)
    return possible ? (
      <p class="time-bar">
        <button type="button" class="plain" onClick={() => to(hostNow() - FIRST_MS)}>
          {words.back}
        </button>
      </p>
    ) : null;
  return (
    <section class="time-bar note" data-tone="look" aria-label={words.title}>
      <strong>{possible ? words.asOf(dayTime(at)) : words.not}</strong>
      <Slider at={Date.parse(at)} />
      <label>
        {words.exactly}{' '}
        <input
          type="datetime-local"
          step={1}
          value={local(Date.parse(at))}
          onChange={({ currentTarget: { value } }) => {
            const typed = new Date(value).getTime();
            if (Number.isFinite(typed)) to(typed);
          }}
        />
      </label>
      <button type="button" onClick={() => to(undefined)}>
        {words.now}
      </button>
    </section>
  );
}

/** Finer the nearer to now: half of its way are the last three hours. */
function Slider({ at }: { readonly at: number }) {
  const [step, setStep] = useState(() => stepOf(hostNow() - at));
  useEffect(() => setStep(stepOf(hostNow() - at)), [at]);
  const shown = now.value - ageOf(step);
  return (
    <input
      type="range"
      min={0}
      max={STEPS}
      value={step}
      aria-label={words.slider}
      aria-valuetext={dayTime(shown)}
      onInput={(event) => setStep(Number(event.currentTarget.value))}
      onChange={(event) => to(hostNow() - ageOf(Number(event.currentTarget.value)))}
    />
  );
}

function ageOf(step: number): number {
  return BACK_MS * (1 - step / STEPS) ** 3;
}

function stepOf(age: number): number {
  return Math.round(STEPS * (1 - Math.cbrt(Math.min(1, Math.max(0, age / BACK_MS)))));
}

function to(time: number | undefined): void {
  const { pane, rest, query } = place.peek();
  if (pane === undefined) return;
  const asOf = time === undefined ? '' : new Date(Math.min(time, hostNow())).toISOString();
  go(linkTo(pane, rest, { ...Object.fromEntries(query), asOf }), 'replace');
}

/** Of what the API tells the past: a task, an agent, a decision, a round, an action; of lists it knows none. */
function canBeShown(): boolean {
  const { pane, rest } = place.value;
  if (pane === 'decisions') return rest.length === (rest[0] === 'rounds' || rest[0] === 'actions' ? 2 : 1);
  return (pane === 'tasks' || pane === 'agents') && rest.length === 1;
}

/** As the field takes it, in this machine's zone. */
function local(time: number): string {
  return new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
