/** The line for words: what they are read as, what asks first, and what came of it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { asksAbove, isBrief, isFelt, MANNER, type Manner, type Trait } from '../../domain/asks/manner';
import { commandOf, MAX_WORDS, type Plan, type Planned, type Step } from '../../domain/asks/plan';
import { agree, ask, close, type Exchange, exchange, mannerSet, onlyLooks, type Result, setManner } from '../lib/asks';
import { onKey } from '../lib/keys';
import { linkTo, place } from '../lib/route';
import { Answer } from '../parts/answer';
import { Command } from '../parts/command';
import { Problem } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { texts } from '../texts';

const { ask: words } = texts;
const FELT = ['frustration', 'urgency', 'confusion'] as const;
const TRAITS = Object.keys(MANNER) as Trait[];

export function AskBox() {
  const [said, setSaid] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const now = exchange.value;
  useEffect(() => onKey('ctrl+k', () => field.current?.select()), []);
  useEffect(() => close, []);
  // Who goes on to what was found has seen it; what waits for an answer stays.
  const { pane, rest } = place.value;
  useEffect(() => {
    if (exchange.peek()?.came !== undefined) close();
  }, [[pane, ...rest].join('/')]);
  /** What only looks is asked at once; a change is put into the line first. */
  const suggest = (phrase: string) => {
    setSaid(phrase);
    if (onlyLooks(phrase)) void ask(phrase);
    else field.current?.focus();
  };
  return (
    <section class="ask" aria-label={words.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void ask(said);
        }}
      >
        <input
          ref={field}
          aria-label={words.label}
          placeholder={words.placeholder}
          aria-keyshortcuts="Control+K Meta+K"
          value={said}
          maxLength={MAX_WORDS}
          enterkeyhint="go"
          autocomplete="off"
          onInput={(event) => setSaid(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && close()}
        />
        <button type="submit">{words.send}</button>
      </form>
      {now !== undefined && <Shown of={now} onSuggest={suggest} />}
    </section>
  );
}

interface ShownProps {
  readonly of: Exchange;
  readonly onSuggest: (phrase: string) => void;
}

function Shown({ of: now, onSuggest }: ShownProps) {
  const { words: said, plan, came, failure } = now;
  return (
    <div class="exchange">
      <header>
        <p>
          <Said text={said} />
        </p>
        <button type="button" class="plain" onClick={close}>
          {words.close}
        </button>
      </header>
      <p role="status" class="soft">
        {stateOf(now)}
      </p>
      {plan !== undefined && plan.outcome !== 'planned' && <Unplanned plan={plan} onSuggest={onSuggest} />}
      {plan?.outcome === 'planned' && <Steps plan={plan} of={now} />}
      {failure !== undefined && <Problem failure={failure} />}
      {plan?.outcome === 'planned' && came === 'done' && <Suggestions phrases={plan.next} onSuggest={onSuggest} />}
      <Behaviour manner={now.manner} />
    </div>
  );
}

function stateOf({ plan, asked, came }: Exchange): string {
  if (plan !== undefined && plan.outcome !== 'planned') return words[plan.outcome];
  if (asked !== undefined) return words.asksFirst;
  return came === undefined ? words.running : words.came[came];
}

/** A question back, or a refusal: what to say or to type instead. */
function Unplanned({ plan, onSuggest }: { readonly plan: Exclude<Plan, Planned> } & Pick<ShownProps, 'onSuggest'>) {
  const command = plan.outcome === 'refused' ? plan.command : undefined;
  return (
    <div class="note" data-tone="look">
      <p>
        <Said text={plan.outcome === 'refused' ? plan.reason : plan.question} />
      </p>
      {command !== undefined && (
        <p>
          {words.typed} <Command line={`npx formicary ${command}`} />
        </p>
      )}
      <Suggestions phrases={plan.suggestions} onSuggest={onSuggest} />
    </div>
  );
}

function Suggestions({ phrases, onSuggest }: { readonly phrases: readonly string[] } & Pick<ShownProps, 'onSuggest'>) {
  if (phrases.length === 0) return null;
  return (
    <div class="suggestions" role="group" aria-label={words.suggestions}>
      {phrases.map((phrase) => (
        <button key={phrase} type="button" onClick={() => onSuggest(phrase)}>
          <Said text={phrase} />
        </button>
      ))}
    </div>
  );
}

function Steps({ plan, of: { manner, asking, results, asked } }: { readonly plan: Planned; readonly of: Exchange }) {
  return (
    <>
      {plan.notes.map((line) => (
        <p key={line} class="soft">
          <Said text={line} />
        </p>
      ))}
      <ol class="steps">
        {plan.steps.map((step, i) => (
          <li key={i}>
            <Command line={`npx formicary ${commandOf(step)}`} />
            <p class="soft">
              {!isBrief(manner) && `${step.does}; `}
              {step.risk === 0 ? words.looks : words.risk(step.risk)}
              {asking.includes(step) && ` · ${words.asks}`}
            </p>
            {asked === i && <Agreement step={step} />}
            <Came step={step} result={results[i]} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Agreement({ step }: { readonly step: Step }) {
  return (
    <div class="note" data-tone="bad" role="group" aria-label={words.asksFirst}>
      <p>{words.sure(step.does, step.risk)}</p>
      <div class="suggestions">
        <button type="button" class="strong" data-tone="bad" onClick={() => agree(true)}>
          {words.run}
        </button>
        <button type="button" onClick={() => agree(false)}>
          {words.leave}
        </button>
      </div>
    </div>
  );
}

function Came({ step, result }: { readonly step: Step; readonly result: Result | undefined }) {
  if (result === undefined) return null;
  if (result === 'running') return <p class="soft loading">{texts.loading}</p>;
  if (result === 'terminal')
    return (
      <p>
        {words.terminal} <a href={linkTo('receipts')}>{texts.panes.receipts}</a>
      </p>
    );
  return 'failure' in result ? <Problem failure={result.failure} /> : <Answer step={step} answer={result.answer} />;
}

/** How whoever answers behaves: what holds for these words, and what is set in this browser. */
function Behaviour({ manner }: { readonly manner: Manner }) {
  const [set, setSet] = useState(mannerSet);
  const change = (next: Manner) => {
    setManner(next);
    setSet(next);
  };
  const felt = FELT.filter((trait) => isFelt(manner, trait)).map((trait) => words.traits[trait][0]);
  return (
    <details class="manner">
      <summary>{words.manner(asksAbove(manner), felt)}</summary>
      <p class="soft">{words.mannerHint}</p>
      {TRAITS.map((trait) => (
        <label key={trait}>
          <span>
            <Code text={trait} /> {set[trait]} <span class="soft">{words.traits[trait][1]}</span>
          </span>
          <input
            type="range"
            min={0}
            max={1}
            step={0.05}
            value={set[trait]}
            onInput={(event) => change({ ...set, [trait]: Number(event.currentTarget.value) })}
          />
        </label>
      ))}
      <button type="button" onClick={() => change(MANNER)}>
        {words.mannerReset}
      </button>
    </details>
  );
}
