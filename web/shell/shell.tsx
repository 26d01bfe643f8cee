/** What is around the panes: where one can go, who looks, whether it is live. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { onKey } from '../lib/keys';
import { follow } from '../lib/live';
import { go, linkTo, type Pane, PANES, place } from '../lib/route';
import { me, signOut } from '../lib/session';
import { setTheme, type Theme, theme } from '../lib/settings';
import { Activity } from '../panes/activity';
import { AgentPage } from '../panes/agent';
import { Agents } from '../panes/agents';
import { Decisions } from '../panes/decisions';
import { Field } from '../panes/field';
import { Governance } from '../panes/governance';
import { Mesh } from '../panes/mesh';
import { Now } from '../panes/now';
import { Receipts } from '../panes/receipts';
import { Rounds } from '../panes/rounds';
import { StreamPage } from '../panes/stream';
import { TaskPage } from '../panes/task';
import { Tasks } from '../panes/tasks';
import { Vetoes } from '../panes/vetoes';
import { Empty } from '../parts/empty';
import { Said } from '../parts/said';
import { texts } from '../texts';
import { AskBox } from './ask-box';
import { Icon } from './icon';
import { KeysHelp } from './keys-help';
import { LiveBar } from './live-bar';
import { Mark } from './mark';
import { TimeBar } from './time-bar';

const KEYS: Readonly<Record<Pane, string>> = {
  now: 'n',
  tasks: 't',
  decisions: 'd',
  agents: 'a',
  activity: 'y',
  receipts: 'r',
  governance: 'v',
  mesh: 'm',
  field: 'f',
};

export function Shell() {
  const { pane } = place.value;
  useEffect(() => {
    const over = new AbortController();
    void follow(over.signal);
    const ends = PANES.map((name) => onKey(`g ${KEYS[name]}`, () => go(linkTo(name))));
    return () => {
      over.abort();
      ends.forEach((end) => end());
    };
  }, []);
  return (
    <div class="shell">
      <a class="skip" href="#content">
        {texts.skip}
      </a>
      <header class="top">
        <a class="brand" href={linkTo('now')}>
          <Mark /> <span>{texts.name}</span>
        </a>
        <LiveBar />
      </header>
      <nav class="side" aria-label={texts.navigation}>
        {PANES.map((name) => (
          <a key={name} href={linkTo(name)} aria-current={name === pane ? 'page' : undefined}>
            <Icon of={name} />
            <span>{texts.panes[name]}</span>
          </a>
        ))}
      </nav>
      <AskBox />
      <Content />
      <Foot />
    </div>
  );
}

/** Whoever goes elsewhere hears where they are: the heading has the focus, and the title says it. */
function Content() {
  const { pane, rest } = place.value;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const where = [pane, ...rest].join('/');
  useEffect(() => {
    const title = [...rest, pane === undefined ? texts.nowhere : texts.panes[pane], texts.name].join(' · ');
    document.title = title;
    if (!first.current) main.current?.querySelector('h1')?.focus({ preventScroll: true });
    if (!first.current) scrollTo(0, 0);
    first.current = false;
  }, [where]);
  return (
    <main id="content" ref={main} class="content" tabIndex={-1}>
      <TimeBar />
      <PaneOf />
    </main>
  );
}

function PaneOf() {
  const { pane, rest } = place.value;
  const [id, more] = rest;
  switch (pane) {
    case 'now':
      return <Now />;
    case 'tasks':
      return id === undefined ? <Tasks /> : <TaskPage key={id} id={id} />;
    case 'decisions':
      if (id === 'rounds') return <Rounds id={more} />;
      return id === 'actions' ? <Vetoes id={more} /> : <Decisions id={id} />;
    case 'agents':
      return id === undefined ? <Agents /> : <AgentPage key={id} id={id} />;
    case 'activity':
      return <Activity />;
    case 'field':
      return <Field type={id} location={more} />;
    case 'mesh':
      return <Mesh />;
    case 'receipts':
      return id === undefined || more === undefined ? (
        <Receipts />
      ) : (
        <StreamPage key={`${id}/${more}`} category={id} id={more} />
      );
    case 'governance':
      return <Governance />;
    case undefined:
      return <Empty title={texts.nowhere} text={texts.nowhereDetail} />;
  }
}

function Foot() {
  const [colours, setColours] = useState<Theme>(theme());
  const who = me.value;
  const licences = document.querySelector('meta[name=licences]')?.getAttribute('content') ?? undefined;
  return (
    <footer class="foot">
      {who !== null && who !== undefined && (
        <span>
          <Said text={texts.signedIn(who.id, who.tenant)} most={200} />
        </span>
      )}
      <button type="button" class="plain" onClick={() => void signOut()}>
        {texts.signOut}
      </button>
      <label>
        {texts.theme.label}{' '}
        <select
          value={colours}
          onChange={(event) => {
            const chosen = event.currentTarget.value as Theme;
            setTheme(chosen);
            setColours(chosen);
          }}
        >
          {(['auto', 'light', 'dark'] as const).map((name) => (
            <option key={name} value={name}>
              {texts.theme[name]}
            </option>
          ))}
        </select>
      </label>
      <KeysHelp />
      <a href="/docs">{texts.reference}</a>
      <a href={licences}>{texts.licences}</a>
    </footer>
  );
}
