/**
 * The command line. Each command is loaded when it is called, so that the first line comes fast.
 *
 * Ends with 0 when done, 1 when what was asked for was refused or does not hold, 2 when it could not be done at all.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_URL, FormicaryError } from '../client/client';
import type * as AgentsCommand from './commands/agents';
import type * as AsofCommand from './commands/asof';
import type * as ExportCommand from './commands/export';
import type * as PostCommand from './commands/post';
import type * as RecomputeCommand from './commands/recompute';
import type * as SignalsCommand from './commands/signals';
import type * as StartCommand from './commands/start';
import type * as StatusCommand from './commands/status';
import type * as TailCommand from './commands/tail';
import type * as TasksCommand from './commands/tasks';
import type * as ToolsCommand from './commands/tools';
import type * as TypesCommand from './commands/types';
import type * as VerifyCommand from './commands/verify';
import type * as WhyCommand from './commands/why';
import { UsageError, bold, contextOf, styled, type Context, type Globals } from './terminal';

const REFUSED = 1;
const NOT_DONE = 2;

const EXIT_CODES = `
Ends with 0 when done, 1 when what was asked for was refused or does not hold (verify, recompute), 2 when it could not
be done: wrong usage, no host, no file.`;

const program = new Command('formicary')
  .description('Coordination backend for swarms of AI agents: post work, watch it, and check every receipt.')
  .addOption(new Option('--url <url>', 'address of the host').env('FORMICARY_URL').default(DEFAULT_URL))
  .addOption(new Option('--tenant <tenant>', 'whose data').env('FORMICARY_TENANT'))
  .addOption(new Option('--principal <id>', 'who calls: an agent, human:NAME or service:NAME').env('FORMICARY_PRINCIPAL'))
  .option('--json', 'answer as JSON, for programs')
  .helpCommand(false)
  .showHelpAfterError('(--help shows how it is used)')
  .configureHelp({ showGlobalOptions: true, styleTitle: (title) => bold(title), styleCommandText: (text) => styled('cyan', text) })
  .addHelpText(
    'after',
    `
Begin with:
  $ formicary start                                    run a host on this machine
  $ formicary post finance.reconciliation --id inv-1   give it work
  $ formicary tail                                     watch every receipt as it comes
  $ formicary why inv-1                                what led there, and what followed
  $ formicary verify                                   check every chain without the host
${EXIT_CODES}`,
  );

/** A command with its examples; its positional arguments and options arrive as one object. */
function command(parent: Command, usage: string, description: string, examples: readonly string[]): Command {
  const added = parent.command(usage).description(description).copyInheritedSettings(parent);
  const parts = examples.map((example) => example.split('  #') as [call: string, comment?: string]);
  const width = Math.max(...parts.map(([call]) => call.length));
  const lines = parts.map(([call, comment]) => `  $ ${comment === undefined ? call : `${call.padEnd(width)}  ${styled('dim', `#${comment}`)}`}`);
  return added.addHelpText('after', `\n${bold('Examples:')}\n${lines.join('\n')}`);
}

function runs<I>(load: () => (context: Context, input: I) => Promise<void>): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const called = given.at(-1) as Command;
    const input: Record<string, unknown> = { ...called.opts() };
    called.registeredArguments.forEach((argument, i) => {
      input[argument.name()] = called.processedArgs[i];
    });
    const context = contextOf(called.optsWithGlobals<Globals>());
    try {
      await load()(context, input as I);
    } finally {
      context.close();
    }
  };
}

// ---------------------------------------------------------------------------------------------------------- values

function numberFrom(min: number, max: number, whole = false): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`Give a ${whole ? 'whole ' : ''}number ${range}.`);
  };
}
const share = numberFrom(0, 1);
const whole = numberFrom(1, Number.MAX_SAFE_INTEGER, true);
const seconds = numberFrom(0, Infinity);
const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

// -------------------------------------------------------------------------------------------------------- commands

command(program, 'start', 'Run a host on this machine', ['formicary start', 'formicary start --port 7171 --data ./colony  # a second one beside it'])
  .option('-p, --port <port>', 'where it listens; 7071, or FORMICARY_PORT', numberFrom(1, 65_535, true))
  .option('-d, --data <folder>', 'where it keeps everything; .formicary, or FORMICARY_DATA')
  .action(runs<Parameters<typeof StartCommand.start>[1]>(() => (require('./commands/start') as typeof StartCommand).start));

command(program, 'post', 'Post a task, or many from a file', [
  'formicary post finance.reconciliation --id inv-4711 --priority 0.9 --deadline 2h',
  `formicary post crm.lead_scoring --payload '{"lead":"ada"}' --requires english=0.8  # needs a second capability`,
  'formicary post --file tasks.json  # an array of tasks, or a task a line',
  'generate-tasks | formicary post',
])
  .argument('[task_type]', 'for example finance.reconciliation')
  .option('-f, --file <file>', 'tasks as JSON; - is standard input')
  .option('--id <id>', 'your own id; a new one is made without')
  .option('--priority <share>', '0 to 1; 0.5 by default', share)
  .option('--urgency <share>', '0 to 1, rises to 1 at the deadline; 0.5 by default', share)
  .option('--requires <capability[=level]>', 'a capability that the agent needs (several times); by default to be of the task type', collect)
  .option('--location <place>', 'for example warehouse/eu/dock-3')
  .option('--effort <seconds>', 'estimated work', seconds)
  .option('--deadline <time>', 'a time, or a span from now: 90s, 15m, 2h, 1d')
  .option('--payload <json>', 'the work itself; @FILE reads a file')
  .option('--bid-seconds <seconds>', 'how long bids are collected; 0 awards at once', seconds)
  .option('--accept-seconds <seconds>', 'how long an award waits for acceptance; 30 by default', seconds)
  .option('--lease-seconds <seconds>', 'how long without a heartbeat; 60 by default', seconds)
  .option('--max-attempts <n>', '5 by default', whole)
  .option('--retry-seconds <seconds>', 'delay of the second attempt; 1 by default', seconds)
  .option('--cause <receipt>', 'stream@index of what led to this task')
  .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer')
  .action(runs<PostCommand.PostInput>(() => (require('./commands/post') as typeof PostCommand).post));

command(program, 'tasks', 'List tasks, or show one', ['formicary tasks --status open', 'formicary tasks --agent recon-7 --limit 20', 'formicary tasks inv-4711  # everything about one'])
  .argument('[id]', 'a task')
  .addOption(new Option('-s, --status <status>').choices(['open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']))
  .option('-a, --agent <id>', 'held or completed by')
  .option('-t, --type <task_type>')
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<TasksCommand.TasksInput>(() => (require('./commands/tasks') as typeof TasksCommand).tasks));

command(program, 'agents', 'List agents, or show one', ['formicary agents --status active --pool finance', 'formicary agents --capability invoice_matching', 'formicary agents recon-7  # everything about one'])
  .argument('[id]', 'an agent')
  .option('-c, --capability <name>')
  .option('-t, --type <agent_type>')
  .option('-p, --pool <pool>')
  .addOption(new Option('-s, --status <status>').choices(['active', 'lost', 'gone']))
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<AgentsCommand.AgentsInput>(() => (require('./commands/agents') as typeof AgentsCommand).agents));

command(program, 'types', 'Search the repository of agent types', ['formicary types inventory optimization', 'formicary types --department finance', 'formicary types --show finance.reconciliation'])
  .argument('[words...]', 'what to search for; all types without')
  .option('--show <agent_type>', 'everything about one')
  .option('--department <name>')
  .option('--industry <name>')
  .option('-c, --capability <name>')
  .option('-n, --limit <n>', 'at most so many', whole)
  .action(runs<TypesCommand.TypesInput>(() => (require('./commands/types') as typeof TypesCommand).types));

command(program, 'tools', 'Find tools', ['formicary tools invoice', 'formicary tools --api Salesforce --operation query_leads', 'formicary tools --show crm-leads'])
  .argument('[words...]', 'words that its name, description or tags hold')
  .option('--show <tool>', 'everything about one')
  .option('--api <name>')
  .option('--operation <name>')
  .option('--deprecated', 'also those that should not be used any more')
  .option('-n, --limit <n>', 'at most so many', whole)
  .action(runs<ToolsCommand.ToolsInput>(() => (require('./commands/tools') as typeof ToolsCommand).tools));

const signals = command(program, 'signals', 'Show the strongest signals now, or emit one', [
  'formicary signals --location warehouse/eu  # there and below',
  'formicary signals --type resource_needed --minimum 0.5',
  'formicary signals emit resource_needed warehouse/eu/dock-3 0.8',
])
  .option('-l, --location <place>', 'this place and everything below it')
  .option('-t, --type <type>')
  .option('-m, --minimum <share>', 'weakest strength, 0 to 1', share)
  .option('-n, --limit <n>', 'at most so many; 50 by default', whole)
  .action(runs<Parameters<typeof SignalsCommand.field>[1]>(() => (require('./commands/signals') as typeof SignalsCommand).field));

command(signals, 'emit', 'Emit a signal', ['formicary signals emit threat_detected plant/line-2 0.9 --decay 0.02'])
  .argument('<type>', 'for example resource_needed')
  .argument('<location>', 'for example warehouse/eu/dock-3')
  .argument('<strength>', '0 to 1', share)
  .option('--decay <share>', 'share of its strength that it loses in a minute; 0.1 by default', share)
  .option('--emitter <agent>', 'the caller by default')
  .action(runs<SignalsCommand.EmitInput>(() => (require('./commands/signals') as typeof SignalsCommand).emit));

command(program, 'tail', 'Watch receipts as they come', ['formicary tail', 'formicary tail --category task', 'formicary tail --json | jq .events', 'formicary tail --all --limit 20  # from the beginning'])
  .option('-c, --category <name>', 'task, agent, trail, tool, …')
  .option('--correlation <id>', 'what one cause has set in motion')
  .addOption(new Option('--after <place>', 'a place in the log, from an earlier page').conflicts('all'))
  .option('--all', 'from the beginning')
  .option('-n, --limit <n>', 'end after so many', whole)
  .action(runs<TailCommand.TailInput>(() => (require('./commands/tail') as typeof TailCommand).tail));

command(program, 'why', 'Tell what led to something, and what followed', ['formicary why inv-4711', 'formicary why default/task/inv-4711@2 --json', 'formicary why inv-4711 --data ./colony  # without a host'])
  .argument('<id>', 'a task, a receipt (stream@index), or a correlation id')
  .option('-d, --data [folder]', 'from a data folder instead of a host')
  .action(runs<WhyCommand.WhyInput>(() => (require('./commands/why') as typeof WhyCommand).why));

command(program, 'asof', 'Show how something was, and what is different now', ['formicary asof 10m task inv-4711', 'formicary asof 2026-11-21T10:00:00Z agent recon-7', 'formicary asof 1h trail resource_needed/warehouse/eu'])
  .argument('<time>', 'a time, or a span ago: 90s, 15m, 2h, 1d')
  .addArgument(new Argument('<kind>').choices(['task', 'agent', 'trail', 'tool']))
  .argument('<id>', 'its id; of a trail TYPE/LOCATION')
  .action(runs<Parameters<typeof AsofCommand.asof>[1]>(() => (require('./commands/asof') as typeof AsofCommand).asof));

command(program, 'recompute', 'Compute an award again, on this machine, from its receipt alone', [
  'formicary recompute inv-4711',
  'formicary recompute inv-4711 --award 2 --save receipt.json',
  'formicary recompute --file receipt.json  # needs no host',
])
  .argument('[task]', 'a task that was awarded')
  .option('--award <n>', 'the award with this number; the last by default', whole)
  .option('-d, --data [folder]', 'from a data folder instead of a host')
  .option('-f, --file <file>', 'a receipt as JSON')
  .option('--save <file>', 'keep the receipt')
  .action(runs<RecomputeCommand.RecomputeInput>(() => (require('./commands/recompute') as typeof RecomputeCommand).recompute));

command(program, 'verify', 'Check every chain without the host: names what was altered, dropped, inserted, reordered or moved', [
  'formicary verify  # also while a host is running',
  'formicary verify --data ./colony',
  'formicary verify --export receipts.ndjson.gz',
])
  .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
  .option('-e, --export <file>', 'an export, .gz or not; - is standard input')
  .addHelpText('after', EXIT_CODES)
  .action(runs<VerifyCommand.VerifyInput>(() => (require('./commands/verify') as typeof VerifyCommand).verify));

command(program, 'export', 'Write all receipts, a line each, so that others can verify them', [
  'formicary export receipts.ndjson.gz',
  'formicary export receipts.ndjson --data ./colony  # the stored bytes, without a host',
  'formicary export | formicary verify --export -',
])
  .argument('[file]', 'standard output without; compressed when it ends with .gz')
  .option('-d, --data [folder]', 'from a data folder instead of a host: of all tenants, or of --tenant')
  .action(runs<ExportCommand.ExportInput>(() => (require('./commands/export') as typeof ExportCommand).exportLog));

command(program, 'status', 'Show how the host is', ['formicary status', 'formicary status --json'])
  .action(runs<object>(() => (require('./commands/status') as typeof StatusCommand).status));

// ---------------------------------------------------------------------------------------------------------- errors

/** One line that says what was wrong, and what to do. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : NOT_DONE;
  const [message, hints] = explained(error);
  process.stderr.write(`formicary: ${message}\n${hints.map((hint) => `  ${hint}\n`).join('')}`);
  return error instanceof FormicaryError && error.status > 0 ? REFUSED : NOT_DONE;
}

function explained(error: unknown): [message: string, hints: string[]] {
  if (error instanceof UsageError) return [error.message, error.hint === undefined ? [] : [error.hint]];
  if (error instanceof FormicaryError && error.status === 0) return [`no host answers at ${program.opts<Globals>().url}`, ['Start one with: npx formicary start', 'or name another with --url or FORMICARY_URL.']];
  if (error instanceof FormicaryError) return [error.problem.detail, error.message.split('\n').slice(1)];
  return [error instanceof Error ? error.message : String(error), []];
}

// Whoever reads the output may stop reading: `formicary tail | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** Commander ends the process itself unless every command is told not to. */
function throwInstead(given: Command): void {
  given.exitOverride();
  given.commands.forEach(throwInstead);
}

throwInstead(program);
program.parseAsync().catch((error: unknown) => (process.exitCode = report(error)));
