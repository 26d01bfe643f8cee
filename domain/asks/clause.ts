/** A phrase as tokens, and its clauses, each with its deed, its things and its values. */
import { isId } from '../kernel/ids';
import { readTime } from '../kernel/time';
import { type Deed, type Field, type Meaning, meaningOf, meant, type Thing } from './vocabulary';

type Kind =
  'word' | 'quoted' | 'id' | 'path' | 'number' | 'share' | 'span' | 'usd' | 'time' | 'clock' | 'zone' | 'mark';

export interface Token {
  readonly kind: Kind;
  /** As it was written; of a quotation what stands between the quotes, which is a value and never read as words. */
  readonly text: string;
  /** In small letters, without apostrophes, and as it was meant. */
  readonly word: string;
  /** Of a number; of a span in seconds. */
  readonly value: number;
  readonly end: number;
  readonly meaning?: Meaning;
  /** Whether the word is what was meant, not what was written. */
  readonly isGuess?: true;
}

const PART = /"([^"]*)"|`([^`]*)`|(?<![^\s(,:])'([^']*)'(?![^\s),.;:!?])|→|->|=>|[,;()]|[^\s,;()"`→]+/g;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const SPAN = /^(\d+(?:\.\d+)?)(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$/;
const CLOCK = /^(?:[01]?\d|2[0-3]):[0-5]\d$|^(?:0?[1-9]|1[0-2])(?:am|pm)$/;
const SPAN_WORD = /^(?:secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?)$/;
const USD_WORD = /^(?:usd|dollars?|bucks)$/;

/** The tokens of a phrase. */
export function tokensOf(phrase: string): readonly Token[] {
  const tokens: Token[] = [];
  // Quotes of another form are as long: places stay.
  for (const match of phrase
    .replaceAll(/[“”«»„]/g, '"')
    .replaceAll(/[‘’]/g, "'")
    .matchAll(PART)) {
    const [whole, double, back, single] = match;
    const end = match.index + whole.length;
    const quoted = double ?? back ?? single;
    if (quoted !== undefined) tokens.push(plain('quoted', quoted, end));
    else if (/^(?:→|->|=>|[,;()])$/.test(whole)) tokens.push(plain('mark', whole.length > 1 ? '→' : whole, end));
    else {
      const [, body = '', tail = ''] = /^(.*?)([.!?:]*)$/.exec(whole) as RegExpExecArray;
      if (body !== '') tokens.push(wordToken(body, end - tail.length));
      if (/[.!?]/.test(tail)) tokens.push(plain('mark', tail.includes('?') ? '?' : '.', end));
    }
  }
  return merged(tokens).map((token, i, all) => corrected(token, all[i - 1]));
}

function plain(kind: Kind, text: string, end: number, value = NaN): Token {
  return { kind, text, word: kind === 'mark' ? text : '', value, end };
}

function wordToken(text: string, end: number): Token {
  const word = text.toLowerCase().replaceAll("'", '');
  const bare = word.replace(/^#/, '');
  if (/^\d+(?:\.\d+)?$/.test(bare)) return plain('number', text, end, Number(bare));
  if (/^\d+(?:\.\d+)?%$/.test(bare)) return plain('share', text, end, Number(bare.slice(0, -1)) / 100);
  if (/^\$\d+(?:\.\d+)?$/.test(bare)) return plain('usd', text, end, Number(bare.slice(1)));
  const [, amount, unit = ''] = SPAN.exec(bare) ?? [];
  if (amount !== undefined) return plain('span', text, end, Number(amount) * secondsOf(unit));
  if (CLOCK.test(bare)) return plain('clock', text, end);
  if ('time' in readTime(text)) return plain('time', text, end);
  if (/^(?:utc|[a-z]+\/[a-z_]+)$/i.test(text) && /^[A-Z]/.test(text)) return plain('zone', text, end);
  if (text.includes('/')) return plain('path', text, end);
  const meaning = meaningOf(word);
  if (meaning === undefined && isId(text) && /[0-9._~:-]/.test(text)) return plain('id', text, end);
  return { kind: 'word', text, word, value: meaning?.number ?? NaN, end, meaning };
}

const secondsOf = (unit: string): number => UNITS[unit[0] as string] as number;

/** A number and its unit are one token. */
function merged(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  for (const token of tokens) {
    const before = result.at(-1);
    const isCounted = before !== undefined && !Number.isNaN(before.value) && /^(?:number|word)$/.test(before.kind);
    if (isCounted && SPAN_WORD.test(token.word))
      result[result.length - 1] = plain(
        'span',
        `${before.text} ${token.text}`,
        token.end,
        before.value * secondsOf(token.word),
      );
    else if (isCounted && USD_WORD.test(token.word))
      result[result.length - 1] = plain('usd', `${before.text} ${token.text}`, token.end, before.value);
    else result.push(token);
  }
  return result;
}

/** A word that is not known, as the one that it was meant for; what stands behind a thing is its name. */
function corrected(token: Token, before: Token | undefined): Token {
  if (token.kind !== 'word' || token.meaning !== undefined) return token;
  const named = before?.meaning?.thing ?? before?.meaning?.field;
  const to = named === undefined || before?.word.endsWith('s') === true ? meant(token.word) : undefined;
  return to === undefined ? token : { ...token, word: to, meaning: meaningOf(to), isGuess: true };
}

// --------------------------------------------------------------------------------------------------------- clauses

/** What a name may be one of: a thing, or a field such as `capability`. */
export type Owner = Thing | Exclude<Field, 'named'>;

/** A name, what it seems to be one of, and the word before it: `tasks of recon-7`. */
interface Named {
  readonly token: Token;
  readonly of?: Owner;
  readonly via: string;
}

/** Words before the deed: they don't say what is to be done. */
const isIdle = (meaning: Meaning | undefined) => meaning?.filler === true || meaning?.state === 'urgent';
/** `Do you have …` asks, and does nothing. */
const isAsking = (tokens: readonly Token[], at: number) =>
  tokens[at]?.word === 'do' && /^(?:you|u|we|i|they)$/.test(tokens[at + 1]?.word ?? '');
const isName = ({ kind, meaning }: Token) =>
  kind === 'quoted' || kind === 'id' || kind === 'path' || (kind === 'word' && meaning === undefined);

/** Words in front of a number that is an hour, a share or an id: `by 5`, `priority is 5`, `id 5`. */
const NO_COUNT = /^(?:by|at|before|until|within|after|since|from|to|in|into|of|on|is|per|than|id|no|named|called)$/;

/** One thing that is wanted. What reads a token takes it; what is left over was not understood. */
export class Clause {
  readonly deed: Deed | undefined;
  readonly names: readonly Named[];
  private readonly head: Token | undefined;
  private readonly taken = new Set<Token>();
  private readonly owners = new Set<Owner>();

  constructor(
    readonly tokens: readonly Token[],
    /** Why, word by word. */
    readonly reason?: string,
    /** Whether a question mark ends it. */
    readonly isQuestion = false,
  ) {
    const begins = tokens.find(({ kind, meaning }, i) => kind !== 'word' || !(isIdle(meaning) || isAsking(tokens, i)));
    // A verb at the end, as in "agent recon-7 stop", unless the word is a thing or a state as well.
    this.head =
      begins?.meaning?.deed === undefined
        ? tokens.find(
            ({ meaning }, i) =>
              meaning?.deed !== undefined &&
              !isAsking(tokens, i) &&
              !meaning.thing &&
              !meaning.state &&
              !meaning.filler,
          )
        : begins;
    this.deed = this.head?.meaning?.deed;
    this.names = tokens.flatMap((token, i) =>
      isName(token) && !this.isQuality(i) ? [{ token, of: this.ownerOf(i), via: tokens[i - 1]?.word ?? '' }] : [],
    );
  }

  /** The words in small letters, without values. */
  get words(): string {
    return this.tokens.map(({ kind, word }) => (kind === 'word' ? word : '_')).join(' ');
  }

  /** The words as they were written, no quotations; ids as words of their own where they are asked for. */
  written(withIds = false): string {
    return this.tokens
      .map(({ kind, text }) => {
        if (kind === 'word') return text.toLowerCase().replaceAll("'", '');
        return kind === 'id' && withIds ? text.toLowerCase().replaceAll('-', ' ') : '_';
      })
      .join(' ');
  }

  /** Whether nothing is to be done, and nothing is spoken of. */
  isVague(): boolean {
    return (this.deed === undefined || this.deed === 'show') && !this.tokens.some(({ meaning }) => meaning?.thing);
  }

  /** Whether the thing is spoken of. */
  has(...things: readonly Thing[]): boolean {
    return this.tokens.some(
      (token) => !this.isDeed(token) && token.meaning?.thing !== undefined && things.includes(token.meaning.thing),
    );
  }

  /** The states that are spoken of. */
  state(...states: readonly string[]): string | undefined {
    const token = this.tokens.find(
      (one) => !this.taken.has(one) && one.meaning?.state !== undefined && states.includes(one.meaning.state),
    );
    if (token !== undefined) this.taken.add(token);
    return token?.meaning?.state;
  }

  /** The first name that is not taken yet, of one of these. */
  name(...of: readonly Owner[]): string | undefined {
    return this.take((one) => one.of !== undefined && of.includes(one.of));
  }

  /** The first name that is not taken yet, and of nothing that was said; behind such a word, where one is given. */
  bare(via?: RegExp): string | undefined {
    return this.take((one) => one.of === undefined && (via === undefined || via.test(one.via)));
  }

  /** The same, but no plain word: one that is not known may be anything. */
  bareId(): string | undefined {
    return this.take(({ of, token }) => of === undefined && token.kind !== 'word');
  }

  /** The first name that is not taken yet, of nothing that was said, and one of these. */
  oneOf(names: ReadonlySet<string>): string | undefined {
    return this.take(({ of, token }) => of === undefined && names.has(token.text));
  }

  /** All names of one of these, or of nothing that was said. */
  all(...of: readonly Owner[]): string[] {
    const found: string[] = [];
    for (let name = this.name(...of) ?? this.bare(); name !== undefined; name = this.name(...of) ?? this.bare())
      found.push(name);
    return found;
  }

  /**
   * The names of a list: the first of one of these, or of nothing that was said, and those behind it with nothing but
   * commas, `and` and what they are called between them. A plain word is one only right behind what it is called.
   */
  listed(...of: readonly Thing[]): string[] {
    const isCalled = (token: Token | undefined) =>
      token?.meaning?.thing !== undefined && of.includes(token.meaning.thing);
    const first =
      this.pick((one) => one.of !== undefined && of.includes(one.of as Thing)) ??
      this.pick((one) => one.of === undefined && one.token.kind !== 'word');
    if (first === undefined) return [];
    const found = [first];
    for (const { token, of: owner } of this.names) {
      const between = this.tokens.slice(this.tokens.indexOf(found.at(-1) as Token) + 1, this.tokens.indexOf(token));
      const isNext =
        between.some(isAnd) &&
        between.every((one) => isAnd(one) || isCalled(one) || one.word === 'the') &&
        (owner === undefined || of.includes(owner as Thing)) &&
        (token.kind !== 'word' || isCalled(between.at(-1)));
      if (!isNext) continue;
      this.taken.add(token);
      found.push(token);
    }
    return found.map(({ text }) => text);
  }

  private take(fits: (one: Named) => boolean): string | undefined {
    return this.pick(fits)?.text;
  }

  private pick(fits: (one: Named) => boolean): Token | undefined {
    const found = this.names.find((one) => !this.taken.has(one.token) && fits(one));
    if (found === undefined) return undefined;
    this.taken.add(found.token);
    if (found.of !== undefined) this.owners.add(found.of);
    return found.token;
  }

  /** The first value of a kind that is not taken; behind such a word, where one is given, which is then taken too. */
  value(kind: Kind, after?: RegExp): Token | undefined {
    const at = this.tokens.findIndex(
      (one, i) =>
        one.kind === kind &&
        !this.taken.has(one) &&
        (after === undefined || after.test(this.tokens[i - 1]?.word ?? '')),
    );
    const token = this.tokens[at];
    if (token === undefined) return undefined;
    this.taken.add(token);
    const before = this.tokens[at - 1];
    if (after !== undefined && before !== undefined) this.taken.add(before);
    return token;
  }

  /** A count, in digits or as a word: in front of what is counted, and not what another word gives its meaning. */
  count(): number | undefined {
    const isCounted = (token: Token | undefined) =>
      token !== undefined && (isName(token) || token.meaning?.thing !== undefined);
    const token = this.tokens.find((one, i) => {
      const before = this.tokens[i - 1];
      const isNumber = one.kind === 'number' || (one.meaning?.number !== undefined && !Number.isNaN(one.value));
      const isOther = NO_COUNT.test(before?.word ?? '') || before?.meaning?.field !== undefined;
      return isNumber && !isOther && !this.taken.has(one) && (isCounted(this.tokens[i + 1]) || !isCounted(before));
    });
    if (token !== undefined) this.taken.add(token);
    return token?.value;
  }

  /** Takes the words that fit, so that they are not left over. */
  understood(pattern: RegExp): boolean {
    const found = this.tokens.filter(({ kind, word }) => kind === 'word' && pattern.test(word));
    found.forEach((token) => this.taken.add(token));
    return found.length > 0;
  }

  /** Takes the words that say so, where they first stand next to each other, so that they are not left over. */
  said(pattern: RegExp): boolean {
    const found = new RegExp(String.raw`(?<!\S)(?:${pattern.source})(?!\S)`).exec(this.words);
    if (found === null) return false;
    const from = this.words.slice(0, found.index).split(' ').length - 1;
    this.tokens.slice(from, from + found[0].split(' ').length).forEach((token) => this.taken.add(token));
    return true;
  }

  /** What nobody has taken: names, values, and words that say something else than what these things are called. */
  left(things: readonly Thing[]): readonly Token[] {
    return this.tokens.filter((token) => {
      const { kind, meaning } = token;
      if (kind === 'mark' || this.isDeed(token) || this.taken.has(token)) return false;
      if (kind !== 'word' || meaning === undefined) return true;
      const { thing, field, turns } = meaning;
      if (turns) return true;
      if (isIdle(meaning) || field === 'named') return false;
      return ![thing, field].some((of) => of !== undefined && (this.owners.has(of) || things.includes(of as Thing)));
    });
  }

  /** A word before many things tells what they are like: `gold tasks`. Only agents are called by their type so. */
  private isQuality(at: number): boolean {
    const behind = this.tokens[at + 1];
    const thing = behind?.meaning?.thing;
    return this.tokens[at]?.kind === 'word' && thing !== undefined && thing !== 'agent' && isPlural(behind);
  }

  private isDeed(token: Token): boolean {
    return this.deed !== undefined && token === this.head;
  }

  /**
   * What a name is one of: what stands right before it (`pool finance`, `task with the id inv-1`), or right behind it
   * (`the finance pool`). In a list each is what the first one is.
   */
  private ownerOf(at: number): Owner | undefined {
    const before = this.tokens[at - 1];
    const near = before === undefined || this.isDeed(before) ? undefined : ownerIn(before);
    if (near !== undefined && !isPlural(before)) return near;
    const behind = this.tokens[at + 1]?.meaning?.thing;
    if (behind !== undefined) return behind;
    for (let i = at - 1; i >= 0; i -= 1) {
      const token = this.tokens[i] as Token;
      if (isName(token)) return this.isListed(i, at) ? this.ownerOf(i) : undefined;
      const of = this.isDeed(token) ? undefined : ownerIn(token);
      if (of !== undefined) return of;
      if (!/^(?:the|a|an|id|name|with|no|called|named|is|,|and)$/.test(token.word)) return undefined;
    }
    return undefined;
  }

  private isListed(from: number, to: number): boolean {
    const between = this.tokens.slice(from + 1, to);
    return between.length > 0 && between.every(isAnd);
  }
}

const isAnd = ({ word }: Token) => word === ',' || word === 'and';

function ownerIn({ meaning }: Token): Owner | undefined {
  const of = meaning?.field ?? meaning?.thing;
  return of === 'named' ? undefined : of;
}

function isPlural(token: Token | undefined): boolean {
  return token !== undefined && /[^su]s$/.test(token.word);
}
