/**
 * Words read by a model: what it is told, and what its answer is taken for. It is given the operations as tools, and
 * the words without what stands in quotes or behind `because`: of those it only gets names, so that nothing in them can
 * be an instruction. What it answers is a plan of the same operations or nothing.
 *
 * The shapes are those of the Chat Completions API of OpenAI, which other providers speak as well.
 */
import { own } from '../kernel/own';
import { cut } from '../kernel/text';
import type { Time } from '../kernel/time';
import { refused } from './answer';
import { type Token, tokensOf } from './clause';
import { type Operation, type OperationId, OPERATIONS } from './operations';
import { MAX_STEPS, type Plan, type Step } from './plan';
import { isOperation, stepOf, tools } from './steps';
import { BECAUSE } from './vocabulary';

/** Longest text of a model that is shown, in characters. */
const MOST_TEXT = 500;

/** Words with names in place of what is only a value, and what the names stand for. */
export interface Veiled {
  readonly words: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** The words with TEXT_1 and so on for what stands in quotes, and for a reason up to the end. */
export function veiled(phrase: string): Veiled {
  const texts: Record<string, string> = {};
  const hide = (text: string) => {
    const name = `TEXT_${Object.keys(texts).length + 1}`;
    texts[name] = text;
    return name;
  };
  let words = '';
  let at = 0;
  const tokens = tokensOf(phrase);
  for (const [i, { kind, text, word, end }] of tokens.entries()) {
    if (kind === 'quoted') {
      // With both quotes.
      words += `${phrase.slice(at, end - text.length - 2)}${hide(text)}`;
      at = end;
    } else if (i > 0 && BECAUSE.test(word) && tokens[i + 1]?.kind !== 'quoted') {
      const reason = phrase.slice(end).trim();
      words += phrase.slice(at, end) + (reason === '' ? '' : ` ${hide(reason)}`);
      at = phrase.length;
      break;
    }
  }
  return { words: words + phrase.slice(at), texts };
}

const RULES = `You turn what a person says into calls of the tools you are given, and into nothing else.
Call the tools that do what is said, in its order. Names, ids and texts stand in the words: copy them letter by letter,
and make up none. TEXT_1, TEXT_2 and so on stand for texts that you can't see: pass them on as they are.
If something is missing, or could mean several things, or no tool does it, call none and ask back in one sentence.`;

/** The body of the request, for a model by its name. */
export function requestTo(model: string, { words }: Veiled, now: Time, tenant: string): object {
  return {
    model,
    messages: [
      { role: 'system', content: `${RULES}\nIt is ${now} in UTC. The tenant is ${tenant}.` },
      { role: 'user', content: words },
    ],
    tools: tools().map((tool) => ({ type: 'function', function: tool })),
  };
}

/** The plan that an answer is; a refusal where it is anything but calls of the tools with values that were said. */
export function planIn(answer: unknown, model: string, said: Veiled): Plan {
  const message = messageIn(answer);
  if (message === undefined) return refused('The model answered nothing that can be read.');
  const { tool_calls, content } = message;
  if (!Array.isArray(tool_calls) || tool_calls.length === 0)
    return {
      outcome: 'question',
      question:
        typeof content === 'string' && content.trim() !== '' ? cut(content.trim(), MOST_TEXT) : 'What do you mean?',
      suggestions: [],
    };
  if (tool_calls.length > MAX_STEPS) return refused(`A plan has at most ${MAX_STEPS} commands: say it in parts.`);
  const steps: Step[] = [];
  for (const call of tool_calls as unknown[]) {
    const step = stepIn(call, said);
    if (typeof step === 'string') return refused(`The model has planned what can't be a command: ${step}.`);
    steps.push(step);
  }
  return { outcome: 'planned', model, steps, corrections: [], notes: [], next: [] };
}

type Message = Readonly<Record<'tool_calls' | 'content', unknown>>;

function messageIn(answer: unknown): Message | undefined {
  const { choices } = (answer ?? {}) as { readonly choices?: unknown };
  const [first] = Array.isArray(choices) ? (choices as unknown[]) : [];
  const { message } = (first ?? {}) as { readonly message?: unknown };
  return typeof message === 'object' && message !== null ? (message as Message) : undefined;
}

function stepIn(call: unknown, said: Veiled): Step | string {
  const { function: called } = (call ?? {}) as { readonly function?: unknown };
  const { name, arguments: given } = (called ?? {}) as Readonly<Record<'name' | 'arguments', unknown>>;
  if (typeof name !== 'string' || !isOperation(name)) return 'there is no such operation';
  const values = valuesIn(given);
  if (values === undefined) return `the values of ${name} are no JSON object`;
  const unveiled = Object.fromEntries(
    Object.entries(values).map(([slot, value]) => [
      slot,
      typeof value === 'string' ? (own(said.texts, value) ?? value) : value,
    ]),
  );
  const invented = inventedIn(name, unveiled, said);
  return invented === undefined ? stepOf(name, unveiled) : `"${cut(invented, MOST_TEXT)}" was not said`;
}

function valuesIn(given: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const values: unknown = typeof given === 'string' ? JSON.parse(given === '' ? '{}' : given) : undefined;
    return typeof values === 'object' && values !== null && !Array.isArray(values)
      ? (values as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Kinds of values that are worked out of words, or only say how much is shown; all others are repeated. */
const WORKED_OUT: ReadonlySet<string> = new Set([
  'choice',
  'time',
  'cron',
  'category',
  'resource',
  'signal',
  'query',
  'zone',
  'flag',
  'rows',
  'hits',
  'seconds',
]);

/** A value that was not said. What was said is words, whole and as they were written, or the number of one. */
function inventedIn(
  operation: OperationId,
  values: Readonly<Record<string, unknown>>,
  { words, texts }: Veiled,
): string | undefined {
  const tokens = tokensOf(words);
  const said = lineOf(tokens);
  const isSaid = (value: unknown) => {
    if (typeof value !== 'string') return tokens.some((token) => token.value === value);
    const line = lineOf(tokensOf(value));
    return Object.values(texts).includes(value) || (line === ` ${value} ` && said.includes(line));
  };
  const { slots }: Operation = OPERATIONS[operation];
  for (const [name, value] of Object.entries(values)) {
    const kind = own(slots, name)?.kind;
    if (kind === 'chain') {
      for (const text of textsIn(value)) if (!isSaid(text) && !isSaid(text.replaceAll('_', ' '))) return text;
    } else if (kind !== undefined && !WORKED_OUT.has(kind) && !isSaid(value)) return String(value);
  }
  return undefined;
}

const lineOf = (tokens: readonly Token[]) => ` ${tokens.map(({ text }) => text).join(' ')} `;

/** Types and subjects of a chain; keys are made up. */
function textsIn(chain: unknown): string[] {
  return (Array.isArray(chain) ? (chain as unknown[]) : []).flatMap((link) => {
    const { task_type, payload } = (link ?? {}) as Readonly<Record<'task_type' | 'payload', unknown>>;
    const { about } = (payload ?? {}) as { readonly about?: unknown };
    return [task_type, about].filter((text) => typeof text === 'string');
  });
}
