/** What agents decide together: who voted what, with what confidence and weight, who dissents and why. */
import { useState } from 'preact/hooks';
import { percent } from '../../cli/words';
import type { approvals } from '../../contract/oversight/approvals';
import type { Round as RoundSchema, rounds, RoundSummary as Summary } from '../../contract/oversight/rounds';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo, linkToStream } from '../lib/route';
import { me } from '../lib/session';
import { categoryOf, idOf } from '../lib/streams';
import { Badge, type Tone } from '../parts/badge';
import { Choices } from '../parts/choices';
import { CommandForm } from '../parts/command-form';
import { Facts, Section } from '../parts/facts';
import { History } from '../parts/history';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { Matrix, Shares } from './agreement';

export type Round = ShownOf<typeof RoundSchema>;
export type RoundSummary = ShownOf<typeof Summary>;

const { rounds: words } = texts;

/** Kind of the approvals that decide a round which the agents could not. */
const OUTCOME_KIND = 'round.outcome';
/** Of the approvals that wait, as many are looked through for the round's. */
const LOOKED = 500;

interface Held {
  readonly round: Round;
  /** The approval by which people decide it, while one waits. */
  readonly approval: string | undefined;
}

async function held(id: string, at: string | undefined, signal: AbortSignal): Promise<Held> {
  const round = await roundOf(id, at, signal);
  const { escalation, override, action, waits } = round;
  if (at !== undefined || escalation === undefined || override !== undefined) return { round, approval: undefined };
  const kind = action?.kind ?? OUTCOME_KIND;
  const { value } = await call<typeof approvals.list>(
    'GET /v1/approvals',
    { query: { kind, limit: LOOKED } },
    { signal },
  );
  const isAsked = (stream: string) =>
    action === undefined ? categoryOf(stream) === 'round' && idOf(stream) === id : stream === waits;
  return { round, approval: value.find((one) => isAsked(one.action))?.id };
}

/** @param at as it was then; undefined: now */
export function roundOf(id: string, at: string | undefined, signal: AbortSignal): Promise<Round> {
  const request = { params: { round_id: id }, query: { asOf: at } };
  return call<typeof rounds.get>('GET /v1/rounds/{round_id}', request, { signal });
}

export function RoundPage({ id }: { readonly id: string }) {
  const at = asOf.value;
  const loaded = useLoad(id, (signal) => held(id, at, signal), { changedBy: ['round', 'approval'], asOf: at });
  const [said, setSaid] = useState('');
  return (
    <article class="decision">
      <p class="crumbs">
        <a href={linkTo('decisions', ['rounds'])}>{texts.decisions.rounds}</a>
      </p>
      <Shown of={loaded}>
        {({ round, approval }) => (
          <>
            <p class="lead">
              <Verdict of={round} /> <Said text={round.kind} />
            </p>
            <h2 class="asked" tabIndex={-1}>
              <Said text={round.question ?? round.action?.summary ?? ''} />
            </h2>
            {approval !== undefined && (
              <div class="note" data-tone="look">
                <strong>{words.waitsFor}</strong>
                <a href={linkTo('decisions', [approval])}>{words.decide}</a>
              </div>
            )}
            <RoundFacts round={round} />
            <Votes round={round} />
            <p role="status" class="said-done">
              {said}
            </p>
            {at === undefined && mayOverride(round) && (
              <OverrideForm
                round={round}
                onDone={(text) => {
                  setSaid(text);
                  loaded.reload();
                }}
              />
            )}
            <Section title={texts.tasks.timeline} aside={<AsOf of={loaded} />}>
              <History category="round" id={id} version={round.version} />
            </Section>
          </>
        )}
      </Shown>
    </article>
  );
}

/** What came of a round so far, in a sentence. */
export function verdictOf(
  {
    status,
    outcome,
    choice,
    tie,
    overridden,
  }: Pick<RoundSummary, 'status' | 'outcome' | 'choice' | 'tie' | 'overridden'>,
  leader?: string,
): { readonly tone: Tone; readonly text: string } {
  const { verdict } = words;
  if (overridden && choice !== null) return { tone: 'good', text: verdict.people(choice) };
  if (status === 'cancelled') return { tone: 'quiet', text: verdict.cancelled };
  if (outcome === null) return { tone: 'info', text: verdict.open };
  if (outcome === 'agreed') return { tone: 'good', text: verdict.agreed(choice ?? '') };
  if (outcome === 'no_quorum') return { tone: 'look', text: verdict.quorum };
  if (tie) return { tone: 'look', text: verdict.tie };
  return { tone: 'look', text: leader === undefined ? verdict.none : verdict.split(leader) };
}

/** The same, of all that is known of it. */
export function Verdict({ of: { status, outcome, override, tally } }: { readonly of: Round }) {
  const summary = {
    status,
    outcome: outcome?.outcome ?? null,
    choice: override?.choice ?? outcome?.choice ?? null,
    tie: tally?.tie ?? false,
    overridden: override !== undefined,
  };
  return <Badge {...verdictOf(summary, tally?.leader)} />;
}

function RoundFacts({ round }: { readonly round: Round }) {
  const { impact, electorate, tally, opened_by, deadline, status, pass, improvement_rounds, waits, escalation } = round;
  const { override, override_asked: asked } = round;
  const { algorithm, min_agreement: agreement, quorum } = electorate;
  return (
    <Facts
      of={[
        [words.by, <Code text={opened_by} />],
        [texts.decisions.impact, impact],
        [texts.decisions.left, status === 'open' && <Away at={deadline} />],
        [words.one, improvement_rounds > 0 && words.pass(pass, improvement_rounds + 1)],
        [words.how, algorithm],
        [
          words.needed,
          isMajority(round) ? words.majority(percent(quorum)) : words.neededOf(percent(agreement), percent(quorum)),
        ],
        [words.turnout, tally && percent(tally.turnout)],
        [words.confidence, tally?.leader && percent(tally.mean_confidence)],
        [words.why, escalation && <Said text={escalation.reason} />],
        [
          'stream',
          waits && (
            <a href={linkToStream(waits)}>
              <Code text={waits} />
            </a>
          ),
        ],
        [
          words.override,
          override && (
            <>
              <Said text={`${words.instead(override.by, override.choice)}: ${override.reason}`} />{' '}
              <When at={override.at} />
            </>
          ),
        ],
        [
          words.override,
          override === undefined &&
            asked.length > 0 &&
            asked.map(({ by, choice, reason }) => <Said key={by} text={`${words.asks(by, choice)}: ${reason}`} />),
        ],
      ]}
    />
  );
}

function isMajority({ electorate }: Round): boolean {
  return electorate.algorithm === 'simple_majority';
}

/** The count, who dissents, every vote, and who agrees with whom. */
export function Votes({ round }: { readonly round: Round }) {
  const { tally, ballots, electorate, status } = round;
  const isOver = status !== 'open';
  const needed = isMajority(round) ? undefined : electorate.min_agreement;
  return (
    <>
      {tally !== undefined && tally.choices.length > 0 && (
        <Shares tally={tally} needed={needed} title={isOver ? words.count : words.countBefore} />
      )}
      {tally !== undefined && (
        <Section title={words.dissent}>
          {tally.dissent.length === 0 && <p class="soft">{words.dissentNone}</p>}
          <ul class="voices">
            {tally.dissent.map(({ voter, choice, confidence, reasoning }) => (
              <li key={voter}>
                <Code text={voter} />{' '}
                <strong>
                  <Said text={choice} most={200} />
                </strong>{' '}
                <span class="soft">{percent(confidence)}</span>
                <br />
                <Said text={reasoning} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={words.votesTitle} aside={words.votes(ballots.length, electorate.voters.length)}>
        <Ballots round={round} />
      </Section>
      <Matrix ballots={ballots} />
    </>
  );
}

function Ballots({ round: { ballots, tally, electorate, status } }: { readonly round: Round }) {
  const cast = new Map(ballots.map((ballot) => [ballot.voter, ballot]));
  const weights = status === 'open' ? {} : (tally?.weights ?? {});
  const { columns } = words;
  return (
    <table class="table votes">
      <thead>
        <tr>
          <th scope="col">{columns.voter}</th>
          <th scope="col">{columns.choice}</th>
          <th scope="col">{columns.confidence}</th>
          <th scope="col">{columns.weight}</th>
          <th scope="col">{columns.reason}</th>
        </tr>
      </thead>
      <tbody>
        {electorate.voters.map(({ id, why, delegate_to: delegate }) => {
          const ballot = cast.get(id);
          const weight = weights[id];
          return (
            <tr key={id}>
              <th scope="row">
                <a href={linkTo('agents', [id])}>
                  <Code text={id} />
                </a>
              </th>
              <td>
                {ballot !== undefined ? (
                  <Said text={ballot.choice} most={200} />
                ) : (
                  <span class="soft">
                    {delegate !== undefined ? (
                      <Said text={words.through(delegate)} />
                    ) : status === 'open' ? (
                      words.notYet
                    ) : (
                      words.notVoted
                    )}
                  </span>
                )}
              </td>
              <td class="when">{ballot && percent(ballot.confidence)}</td>
              <td class="when">{weight !== undefined && percent(weight)}</td>
              <td class="grow">
                {ballot !== undefined ? (
                  <Said text={ballot.reasoning} most={500} />
                ) : (
                  <span class="soft">
                    <Said text={why} />
                  </span>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The host has the last word; who can't do it in any case is not asked. */
function mayOverride({ outcome, parties }: Round): boolean {
  const who = me.value;
  return (
    outcome !== undefined &&
    who?.kind === 'human' &&
    who.level === 'critical' &&
    !parties.some(({ id }) => id === who.id || id === who.via)
  );
}

interface OverrideProps {
  readonly round: Round;
  readonly onDone: (text: string) => void;
}

function OverrideForm({ round: { id, choices, outcome, override }, onDone }: OverrideProps) {
  const [choice, setChoice] = useState('');
  const stands = override?.choice ?? outcome?.choice;
  return (
    <CommandForm
      title={words.override}
      tone="bad"
      onSend={async (reason) => {
        const { round } = await call<typeof rounds.override>('POST /v1/rounds/{round_id}/override', {
          params: { round_id: id },
          body: { choice, reason },
        });
        onDone(round.override?.choice === choice ? words.overridden : words.overrideAsked);
      }}
    >
      <p class="soft">{words.overrideHint}</p>
      <Choices
        of={choices.filter((one) => one !== stands)}
        legend={texts.decisions.choice}
        chosen={choice}
        onChoice={setChoice}
      />
    </CommandForm>
  );
}
