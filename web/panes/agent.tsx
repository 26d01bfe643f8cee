/** One agent: what it says of itself, what it holds, what has come of its work. */
import type { agents } from '../../contract/market/agents';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo } from '../lib/route';
import { agentTone, Badge } from '../parts/badge';
import { SameCommand, word } from '../parts/command';
import { Facts, Section } from '../parts/facts';
import { History } from '../parts/history';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { When } from '../parts/when';
import { texts } from '../texts';

/** Of lists that an agent can make long. */
const MOST = 100;
const { agents: words } = texts;

export function AgentPage({ id }: { readonly id: string }) {
  const at = asOf.value;
  const loaded = useLoad(
    id,
    (signal) => call<typeof agents.get>('GET /v1/agents/{id}', { params: { id }, query: { asOf: at } }, { signal }),
    { changedBy: ['agent'], asOf: at },
  );
  return (
    <>
      <p class="crumbs">
        <a href={linkTo('agents')}>{words.title}</a>
      </p>
      <h1 tabIndex={-1}>
        <Code text={id} />
      </h1>
      <Shown of={loaded}>
        {(agent) => {
          const slots = Object.entries(agent.slots);
          const record = Object.entries(agent.record);
          return (
            <>
              <p class="lead">
                <Badge tone={agentTone(agent.status)} text={agent.status} /> <Said text={agent.agent_type} />
              </p>
              <Facts
                of={[
                  ['since', <When at={agent.since} />],
                  ['pool', <Code text={agent.pool} />],
                  ['slots', `${slots.length} of ${agent.capacity}`],
                  ['location', agent.location && <Said text={agent.location} />],
                  ['gateway', agent.gateway && <Code text={agent.gateway} />],
                  ['standing offer', agent.offer === null ? texts.none : 'yes'],
                  [
                    words.capabilities,
                    <Said
                      text={Object.entries(agent.capabilities)
                        .map(([name, level]) => `${name} ${level}`)
                        .join(', ')}
                    />,
                  ],
                ]}
              />
              <Section title={words.holds}>
                {slots.length === 0 && <p class="soft">{words.holdsNone}</p>}
                <ul class="rows">
                  {slots.slice(0, MOST).map(([task, { task_type: type, award, since }]) => (
                    <li key={task}>
                      <a class="row" href={linkTo('tasks', [task])}>
                        <span class="grow">
                          <Code text={task} /> <Said text={type} most={120} />
                        </span>
                        <span class="soft">award {award}</span>
                        <When at={since} />
                      </a>
                    </li>
                  ))}
                </ul>
              </Section>
              <Section title={words.record}>
                {record.length === 0 && <p class="soft">{words.recordNone}</p>}
                <ul class="rows">
                  {record.slice(0, MOST).map(([type, { wins, tries }]) => (
                    <li key={type} class="row">
                      <span class="grow">
                        <Code text={type} />
                      </span>
                      <meter min={0} max={Math.max(1, tries)} value={wins} aria-label={words.wins(wins, tries)} />
                      <span>{words.wins(wins, tries)}</span>
                    </li>
                  ))}
                </ul>
              </Section>
              <Section title={words.receipts}>
                <History category="agent" id={id} version={agent.version} />
              </Section>
            </>
          );
        }}
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand lines={[`npx formicary agents ${word(id)}`, `npx formicary stop agent ${word(id)} --reason "…"`]} />
    </>
  );
}
