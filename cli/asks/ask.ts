/** What `formicary ask` does: a plan, shown, noted, and run command by command. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { AskInput as Noted } from '../../client/asks';
import { planOf } from '../../domain/asks/grammar';
import { asksFirst, attuned, isFelt, type Manner, readManner } from '../../domain/asks/manner';
import { type Plan, riskOf, type Step } from '../../domain/asks/plan';
import { typed } from '../../domain/kernel/text';
import {
  bold,
  call,
  type Context,
  dim,
  jsonLine,
  note,
  print,
  RefusedError,
  said,
  shortHash,
  UsageError,
} from '../terminal';
import type * as ModelModule from './model';

export interface AskInput {
  readonly words: readonly string[];
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly manner?: string;
}

type Planned = Extract<Plan, { outcome: 'planned' }>;

/** Answers words with commands. `program` runs them, as if each had been typed with the global options of this call. */
export const ask =
  (program: Command) =>
  async (context: Context, { words, yes, dryRun, manner: given = '' }: AskInput): Promise<void> => {
    const phrase = words.join(' ');
    const set = readManner(given);
    if (typeof set === 'string') throw new UsageError(set);
    const manner = attuned(set, phrase);
    const meant = await read(phrase, set, context.globals.tenant ?? 'default');
    const plan = dryRun === true || meant.outcome !== 'planned' ? meant : await pinned(context, meant);
    if (context.json) print(jsonLine(shownAsJson(plan)));
    if (plan.outcome !== 'planned') return await unplanned(context, phrase, plan, dryRun === true);
    if (!context.json) show(plan, manner, dryRun === true ? print : note);
    if (dryRun === true) return;
    // What a model has read nobody has agreed to before it is shown.
    const isAgreed = yes === true && plan.model === undefined;
    const risky = plan.steps.filter((step) => !isAgreed && asksFirst(manner, plan, [step]));
    const [first] = risky;
    if (first !== undefined && (!process.stdin.isTTY || context.json)) {
      await noted(context, phrase, plan, 'declined');
      throw new RefusedError(
        `nothing was done: ${typed(first.argv)} asks first`,
        plan.model === undefined ? 'Give --yes to have it run, or type the commands.' : 'Type the commands.',
      );
    }
    await noted(context, phrase, plan, 'run');
    await runAll(program, context, plan, async (step, i) => {
      if (!risky.includes(step) || (await agreed(step))) return true;
      await noted(context, phrase, { ...plan, steps: plan.steps.slice(i) }, 'declined');
      note(`Stopped there: ${i} of ${plan.steps.length} commands were run.`);
      context.foundWrong();
      return false;
    });
  };

/** The plan of the grammar; where that asks back, and a model is named, what the model makes of it. */
async function read(phrase: string, manner: Manner, tenant: string): Promise<Plan> {
  const plan = planOf(phrase, { now: new Date().toISOString(), tenant, manner });
  if (plan.outcome !== 'question') return plan;
  const { askModel, modelOf } = require('./model') as typeof ModelModule;
  const model = modelOf(process.env);
  if (model === undefined) return plan;
  try {
    return await askModel(model, phrase, tenant);
  } catch (error) {
    note(`The model ${said(model.name)} gave no answer: ${said((error as Error).message)}.`);
    return plan;
  }
}

/** The plan with the hash of what each decision is about: one that was edited since it was shown is not decided on. */
async function pinned({ client }: Context, plan: Planned): Promise<Planned> {
  const steps = plan.steps.map(async (step): Promise<Step> => {
    const { operation, request, argv } = step;
    // Options stand in pairs behind the command and the id.
    const isPinned = argv.some((word, i) => word === '--hash' && i % 2 === 0);
    if ((operation !== 'approve' && operation !== 'reject') || isPinned) return step;
    const { hash } = await client.approvals.get(String(request.params?.['approval_id']));
    return { ...step, argv: [...argv, '--hash', shortHash(hash)] };
  });
  return { ...plan, steps: await Promise.all(steps) };
}

/** Stands on the receipt in place of words that may hold a secret. */
const HELD_BACK = '(words that may hold a secret)';

/** Leaves the receipt of the exchange. Without one nothing runs. */
async function noted({ client }: Context, words: string, plan: Plan, outcome: Noted['outcome']): Promise<void> {
  const steps = plan.outcome !== 'planned' ? [] : plan.steps;
  await client.asks.note({
    words: plan.outcome === 'refused' && plan.secret === true ? HELD_BACK : words,
    outcome,
    ...('model' in plan && plan.model !== undefined ? { model: plan.model } : {}),
    steps: steps.map(({ operation, argv, risk }) => ({ operation, command: typed(argv), risk })),
  });
}

/** A question, or a refusal: both are answers, and end with 1. They are told where no host takes note of them, too. */
async function unplanned(
  context: Context,
  phrase: string,
  plan: Exclude<Plan, Planned>,
  isDry: boolean,
): Promise<void> {
  if (!isDry) await noted(context, phrase, plan, plan.outcome).catch(() => note('No host took note of it.'));
  if (context.json) return context.foundWrong();
  const command = 'command' in plan ? ['Typed it is:', `${call()} ${plan.command}`] : [];
  const phrases = plan.suggestions.map((one) => `${call()} ask ${typed([one])}`);
  const lines = [...command, ...(phrases.length === 0 ? [] : ['For example:', ...phrases])];
  throw new RefusedError(
    plan.outcome === 'refused' ? plan.reason : plan.question,
    lines.length === 0 ? undefined : lines.join('\n  '),
  );
}

function shownAsJson(plan: Plan): object {
  if (plan.outcome !== 'planned') return plan;
  const { steps, ...rest } = plan;
  return { ...rest, risk: riskOf(steps), steps: steps.map((step) => ({ ...step, command: typed(step.argv) })) };
}

/** The plan as it could be typed. Who is fed up is spared the rest; who is lost gets it step by step. */
function show({ steps, notes, model }: Planned, manner: Manner, say: (line: string) => void): void {
  const isBrief = isFelt(manner, 'frustration') || isFelt(manner, 'urgency');
  const isSlow = isFelt(manner, 'confusion');
  if (model !== undefined) say(dim(`read by ${said(model)}`));
  for (const line of notes) say(dim(said(line)));
  for (const [i, { argv, does, risk }] of steps.entries()) {
    const line = bold(`${call()} ${typed(argv)}`);
    const about = risk === 0 ? does : `${does}; risk ${risk}`;
    if (isSlow) say(`Step ${i + 1} of ${steps.length}: ${about}\n  ${line}`);
    else say(isBrief ? line : `${line}  ${dim(`# ${about}`)}`);
  }
}

/** Runs the steps in their order, as long as they may and none is refused; then says what could come next. */
async function runAll(
  program: Command,
  { json }: Context,
  { steps, next }: Planned,
  may: (step: Step, i: number) => Promise<boolean>,
): Promise<void> {
  const globals = globalsOf(program);
  for (const [i, step] of steps.entries()) {
    if (!(await may(step, i))) return;
    if (steps.length > 1 && !json) note(dim(`${i + 1} of ${steps.length}: ${typed(step.argv)}`));
    let isWell = false;
    try {
      await program.parseAsync([...globals, ...step.argv], { from: 'user' });
      // A command that ends with 1 may have said itself why.
      isWell = process.exitCode === undefined;
    } finally {
      if (!isWell && i < steps.length - 1)
        note(`${i + 1} of ${steps.length} commands were run, and the rest not begun.`);
    }
    if (!isWell) return;
  }
  if (!json) for (const phrase of next) note(dim(`next: ${call()} ask ${typed([phrase])}`));
}

/** The global options that were typed with this call: each command is given them too. */
function globalsOf(program: Command): string[] {
  const { json, ...texts } = program.opts<Context['globals']>();
  const given = Object.entries(texts).filter(([name]) => program.getOptionValueSource(name) === 'cli');
  return [...given.flatMap(([name, value]) => [`--${name}`, String(value)]), ...(json === true ? ['--json'] : [])];
}

async function agreed({ argv, does, risk }: Step): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${does}: ${typed(argv)} (risk ${risk}). Run it? [y/N] `);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
