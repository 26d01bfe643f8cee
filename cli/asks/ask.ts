/** What `formicary ask` does: a plan, shown, noted, and run command by command. */
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { carryOut, noteOf, pinned } from '../../domain/asks/exchange';
import { planOf } from '../../domain/asks/grammar';
import { asksFirst, attuned, isBrief, isFelt, type Manner, readManner } from '../../domain/asks/manner';
import { commandOf, type Plan, type Planned, riskOf, type Step } from '../../domain/asks/plan';
import { typed } from '../../domain/kernel/text';
import { bold, call, type Context, dim, jsonLine, note, print, RefusedError, said, UsageError } from '../terminal';
import type * as ModelModule from './model';

export interface AskInput {
  readonly words: readonly string[];
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly manner?: string;
}

/** Answers words with commands. `program` runs them, as if each had been typed with the global options of this call. */
export const ask =
  (program: Command) =>
  async (context: Context, { words, yes, dryRun, manner: given = '' }: AskInput): Promise<void> => {
    const phrase = words.join(' ');
    const set = readManner(given);
    if (typeof set === 'string') throw new UsageError(set);
    const manner = attuned(set, phrase);
    const meant = await read(phrase, set, context.globals.tenant ?? 'default');
    const plan =
      dryRun === true || meant.outcome !== 'planned'
        ? meant
        : await pinned(meant, async (approval) => (await context.client.approvals.get(approval)).hash);
    if (context.json) print(jsonLine(shownAsJson(plan)));
    if (plan.outcome !== 'planned') return await unplanned(context, phrase, plan, dryRun === true);
    if (!context.json) show(plan, manner, dryRun === true ? print : note);
    if (dryRun === true) return;
    // What a model has read nobody has agreed to before it is shown.
    const isAgreed = yes === true && plan.model === undefined;
    const risky = plan.steps.filter((step) => !isAgreed && asksFirst(manner, plan, [step]));
    const [first] = risky;
    if (first !== undefined && (!process.stdin.isTTY || context.json)) {
      await context.client.asks.note(noteOf(phrase, plan, 'declined'));
      throw new RefusedError(
        `nothing was done: ${commandOf(first)} asks first`,
        plan.model === undefined ? 'Give --yes to have it run, or type the commands.' : 'Type the commands.',
      );
    }
    const globals = globalsOf(program);
    const { length } = plan.steps;
    const runOne = async (step: Step, i: number): Promise<boolean> => {
      if (length > 1 && !context.json) note(dim(`${i + 1} of ${length}: ${commandOf(step)}`));
      let isWell = false;
      try {
        await program.parseAsync([...globals, ...step.argv], { from: 'user' });
        // A command that ends with 1 may have said itself why.
        isWell = process.exitCode === undefined;
      } finally {
        if (!isWell && i < length - 1) note(`${i + 1} of ${length} commands were run, and the rest not begun.`);
      }
      return isWell;
    };
    const { came, steps } = await carryOut(phrase, plan, risky, {
      note: (receipt) => context.client.asks.note(receipt),
      agrees: agreed,
      run: runOne,
    });
    if (came === 'declined') {
      note(`Stopped there: ${steps} of ${length} commands were run.`);
      context.foundWrong();
    }
    if (came === 'done' && !context.json)
      for (const words of plan.next) note(dim(`next: ${call()} ask ${typed([words])}`));
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

/** A question, or a refusal: both are answers, and end with 1. They are told where no host takes note of them, too. */
async function unplanned(
  context: Context,
  phrase: string,
  plan: Exclude<Plan, Planned>,
  isDry: boolean,
): Promise<void> {
  if (!isDry)
    await context.client.asks.note(noteOf(phrase, plan, plan.outcome)).catch(() => note('No host took note of it.'));
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
  return { ...rest, risk: riskOf(steps), steps: steps.map((step) => ({ ...step, command: commandOf(step) })) };
}

/** The plan as it could be typed. Who is fed up is spared the rest; who is lost gets it step by step. */
function show({ steps, notes, model }: Planned, manner: Manner, say: (line: string) => void): void {
  const isSlow = isFelt(manner, 'confusion');
  if (model !== undefined) say(dim(`read by ${said(model)}`));
  for (const line of notes) say(dim(said(line)));
  for (const [i, step] of steps.entries()) {
    const { does, risk } = step;
    const line = bold(`${call()} ${commandOf(step)}`);
    const about = risk === 0 ? does : `${does}; risk ${risk}`;
    if (isSlow) say(`Step ${i + 1} of ${steps.length}: ${about}\n  ${line}`);
    else say(isBrief(manner) ? line : `${line}  ${dim(`# ${about}`)}`);
  }
}

/** The global options that were typed with this call: each command is given them too. */
function globalsOf(program: Command): string[] {
  const { json, ...texts } = program.opts<Context['globals']>();
  const given = Object.entries(texts).filter(([name]) => program.getOptionValueSource(name) === 'cli');
  return [...given.flatMap(([name, value]) => [`--${name}`, String(value)]), ...(json === true ? ['--json'] : [])];
}

async function agreed(step: Step): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${step.does}: ${commandOf(step)} (risk ${step.risk}). Run it? [y/N] `);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
