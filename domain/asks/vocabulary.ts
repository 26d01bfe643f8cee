/** The words that are understood, by what they mean. Everything else is a name, or is asked about. */
import { nearest } from '../kernel/nearest';

/** What somebody wants done. Where a word is a thing as well, it is the deed where a clause begins with it. */
const DEEDS = {
  show: 'show list see display get view look find check watch wat wats gimme monitor read print describe inspect tell what whats which wich who whos how hows where when is are any',
  why: 'why explain diagnose investigate troubleshoot problem wrong broken allowed permitted',
  post: 'post run do queue submit enqueue execute perform process',
  make: 'create add make start launch',
  spawn: 'spawn register deploy recruit hire',
  chain: 'chain pipe',
  plan: 'schedule plan',
  cancel: 'cancel abort drop',
  remove: 'remove delete end withdraw deregister unregister retire despawn',
  kill: 'kill terminate',
  retry: 'retry redrive rerun redo repeat resubmit revive',
  pause: 'pause hold suspend',
  resume: 'resume continue unpause',
  drain: 'drain',
  stop: 'stop halt freeze quarantine',
  lift: 'lift unfreeze unstop',
  approve: 'approve allow permit grant',
  reject: 'reject deny refuse decline',
  ask: 'ask',
  veto: 'veto',
  set: 'set budget cap limit',
  raise: 'raise',
  emit: 'emit signal',
  recompute: 'recompute recalculate recount tally',
  optimize: 'optimize optimise improve tune',
  help: 'help',
} as const;
export type Deed = keyof typeof DEEDS;

/** What it is done to, or what is asked about. */
const THINGS = {
  task: 'task tasks tsk work',
  agent: 'agent agents worker workers bot bots',
  job: 'job jobs pipeline pipelines workflow workflows',
  schedule: 'schedule schedules timetable',
  pool: 'pool pools load utilisation utilization balance',
  swarm: 'swarm swarms',
  type: 'type types kind kinds catalogue repository',
  tool: 'tool tools',
  approval: 'approval approvals decision decisions decide',
  round: 'round rounds vote votes poll polls',
  action: 'action actions',
  receipt: 'receipt receipts history audit events happened',
  denial: 'denials denied denial',
  stop: 'stops stopped frozen quarantined',
  pause: 'pauses paused drained pause',
  budget: 'budget budgets',
  spend: 'cost costs spending spend money consumer consumers expenses spent',
  signal: 'signal signals pheromone pheromones field patterns pattern',
  policy: 'policy policies rules',
  tenant: 'tenant',
  model: 'model',
  colony: 'status health host system colony everything',
  finding: 'discoveries discovery findings found find result results',
  candidate: 'candidate candidates',
  delivery: 'notices notice deliveries notifications',
  channel: 'channels channel',
  parked: 'parked',
  caller: 'whoami myself',
} as const;
export type Thing = keyof typeof THINGS;

/** How something is, in the words of its list. */
const STATES: Readonly<Record<string, string>> = {
  open: 'open',
  unassigned: 'open',
  held: 'held',
  awarded: 'awarded',
  running: 'running',
  active: 'active',
  alive: 'active',
  online: 'active',
  completed: 'completed',
  complete: 'completed',
  done: 'completed',
  finished: 'completed',
  dead: 'dead',
  failed: 'dead',
  cancelled: 'cancelled',
  canceled: 'cancelled',
  expired: 'expired',
  overdue: 'expired',
  lost: 'lost',
  gone: 'gone',
  closed: 'closed',
  stuck: 'stuck',
  blocked: 'stuck',
  moving: 'stuck',
  waiting: 'waiting',
  waits: 'waiting',
  wait: 'waiting',
  pending: 'waiting',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
  severe: 'critical',
  urgent: 'urgent',
  urgently: 'urgent',
  asap: 'urgent',
  immediately: 'urgent',
  emergency: 'urgent',
  hurry: 'urgent',
};

/** What a value is of that stands behind it. */
const FIELDS = {
  capability: 'capability',
  location: 'location',
  place: 'location',
  priority: 'priority',
  prio: 'priority',
  strength: 'strength',
  capacity: 'capacity',
  hash: 'hash',
  deadline: 'deadline',
  department: 'department',
  industry: 'industry',
  question: 'question',
  about: 'about',
  regarding: 'about',
  named: 'named',
  called: 'named',
} as const;
export type Field = (typeof FIELDS)[keyof typeof FIELDS];

const wordsOf = (text: string) => text.trim().split(/\s+/);

/** What a reason stands behind. */
const REASONS = wordsOf('because becuase becouse becaus becasue beacuse cause cos coz cuz bc reason');
export const BECAUSE = new RegExp(`^(?:${REASONS.join('|')})$`);

/** Words that change nothing: left out, the same is said. */
const FILLERS = new Set(
  wordsOf(`please pls plz can could would will you u i we us me our my your the a an there to and be its just now
    quickly of in into on at by with from for as this that am so hey hi hello formicary thanks let lets going like want
    need wanna give right currently still current present new details detail full here thing things then id name
    happening doing ago also too really very exactly sure im`),
);

/** Words that turn what is said into something else. Whoever only looks may say them; a change asks about each. */
const TURNS = new Set([
  ...REASONS,
  ...wordsOf(`no not nothing never cannot dont donot doesnt didnt isnt arent wasnt werent cant wont shant shouldnt
    mustnt wouldnt couldnt havent hasnt hadnt neednt aint
    did does has have had was were been should shall must may might ought or if unless whenever once while until before
    after since within than again only it they them these those all anything something every each some many much more most
    up down out off away back over first last latest past recent recently today todays yesterday top biggest
    per hour hours day month daily monthly minute minutes seconds usd dollar dollars`),
]);

const NUMBERS: Readonly<Record<string, number>> = {
  one: 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
  six: 6,
  seven: 7,
  eight: 8,
  nine: 9,
  ten: 10,
  dozen: 12,
  twenty: 20,
};

const lookup = <T extends string>(table: Readonly<Record<T, string>>): ReadonlyMap<string, T> =>
  new Map(
    (Object.entries(table) as [T, string][]).flatMap(([meaning, words]) =>
      words.split(' ').map((word) => [word, meaning] as const),
    ),
  );

const DEED_OF = lookup(DEEDS);
const THING_OF = lookup(THINGS);
const STATE_OF = new Map(Object.entries(STATES));
const FIELD_OF: ReadonlyMap<string, Field> = new Map(Object.entries(FIELDS));
const NUMBER_OF = new Map(Object.entries(NUMBERS));

export interface Meaning {
  readonly deed?: Deed;
  readonly thing?: Thing;
  readonly state?: string;
  readonly field?: Field;
  readonly number?: number;
  /** Says nothing of what is to be done. */
  readonly filler: boolean;
  /** Turns what is said into something else, such as its contrary. */
  readonly turns: boolean;
}

/** What a word may mean; undefined for one that is not known. */
export function meaningOf(word: string): Meaning | undefined {
  const found: Meaning = {
    deed: DEED_OF.get(word),
    thing: THING_OF.get(word),
    state: STATE_OF.get(word),
    field: FIELD_OF.get(word),
    number: NUMBER_OF.get(word),
    filler: FILLERS.has(word) || TURNS.has(word),
    turns: TURNS.has(word),
  };
  const { filler, turns: _, ...meanings } = found;
  return filler || Object.values(meanings).some((meaning) => meaning !== undefined) ? found : undefined;
}

const MEANT = [...DEED_OF.keys(), ...THING_OF.keys(), ...STATE_OF.keys(), ...FIELD_OF.keys()];

/** The word that somebody may have meant: one slip in four letters, two in seven; the first letter is right. */
export function meant(word: string): string | undefined {
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return undefined;
  const like = MEANT.filter((known) => known.length > 3 && known[0] === word[0]);
  return nearest(word, like, word.length < 7 ? 1 : 2);
}
