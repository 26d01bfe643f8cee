/**
 * The command line. Each command is loaded when it is called, so that the first line comes fast.
 *
 * Ends with 0 when done, 1 when what was asked for was refused or does not hold, 2 when it could not be done at all.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import { DEFAULT_URL, FormicaryError } from '../client/client';
import { nearest } from '../domain/kernel/nearest';
import { AGENT_STATUSES } from '../domain/market/agent';
import { ACTION_STATUSES, COMPENSATIONS } from '../domain/oversight/action';
import { APPROVAL_OUTCOMES, APPROVAL_STATUSES } from '../domain/oversight/approval';
import { ALGORITHMS } from '../domain/oversight/consensus';
import { IMPACTS } from '../domain/oversight/oversight';
import { ROUND_STATUSES } from '../domain/oversight/round';
import type * as ArchiveCommand from './audit/archive';
import type * as AsofCommand from './audit/asof';
import type * as ExportCommand from './audit/export';
import type * as RecomputeCommand from './audit/recompute';
import type * as RetentionCommand from './audit/retention';
import type * as TailCommand from './audit/tail';
import type * as VerifyCommand from './audit/verify';
import type * as WhyCommand from './audit/why';
import { asCalled, collect, command, EXIT_CODES, numberFrom, runs, seconds, share, whole } from './define';
import type * as AgentsCommand from './market/agents';
import type * as PostCommand from './market/post';
import type * as TasksCommand from './market/tasks';
import type * as BackupCommand from './operation/backup';
import type * as StartCommand from './operation/start';
import type * as StatusCommand from './operation/status';
import { declareOperator } from './operator';
import type * as ActionsCommand from './oversight/actions';
import type * as ApprovalsCommand from './oversight/approvals';
import type * as ChallengeCommand from './oversight/challenge';
import type * as OversightCommand from './oversight/oversight';
import type * as RoundsCommand from './oversight/rounds';
import type * as TallyCommand from './oversight/tally';
import type * as ToolsCommand from './repository/tools';
import type * as TypesCommand from './repository/types';
import type * as SignalsCommand from './signals/signals';
import { bold, CALL, type Globals, note, styled, UsageError } from './terminal';
import { endWithParent } from './tether';
import { declareWorker } from './worker';

const REFUSED = 1;
const NOT_DONE = 2;

const program = new Command('formicary')
  .description('Coordination backend for swarms of AI agents: post work, watch it, and check every receipt.')
  .addOption(new Option('--url <url>', 'address of the host').env('FORMICARY_URL').default(DEFAULT_URL))
  .addOption(new Option('--tenant <tenant>', 'whose data').env('FORMICARY_TENANT'))
  .addOption(
    new Option('--principal <id>', 'who calls: an agent, human:NAME or service:NAME').env('FORMICARY_PRINCIPAL'),
  )
  .option('--json', 'answer as JSON, for programs')
  .version(
    (JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string }).version,
    '-V, --version',
    'print the version',
  )
  .helpCommand(false)
  .showHelpAfterError('(--help shows how it is used)')
  .configureHelp({
    showGlobalOptions: true,
    styleTitle: (title) => bold(title),
    styleCommandText: (text) => styled('cyan', text),
  })
  .addHelpText(
    'after',
    asCalled(`
Begin with:
  $ formicary start                                    run a host on this machine
  $ formicary post finance.reconciliation --id inv-1   give it work
  $ formicary tail                                     watch every receipt as it comes
  $ formicary why inv-1                                what led there, and what followed
  $ formicary approvals                                what waits for a person
  $ formicary verify                                   check every chain without the host
`) + EXIT_CODES,
  );

// -------------------------------------------------------------------------------------------------------- commands

command(program, 'start', 'Run a host on this machine', [
  'formicary start',
  'formicary start --port 7171 --data ./colony  # a second one beside it',
])
  .option('-p, --port <port>', 'where it listens; 7071, or FORMICARY_PORT', numberFrom(1, 65_535, true))
  .option('-d, --data <folder>', 'where it keeps everything; .formicary, or FORMICARY_DATA')
  .action(
    runs<Parameters<typeof StartCommand.start>[1]>(() => (require('./operation/start') as typeof StartCommand).start),
  );

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
  .option(
    '--requires <capability[=level]>',
    'a capability that the agent needs (several times); by default to be of the task type',
    collect,
  )
  .option('--location <place>', 'for example warehouse/eu/dock-3')
  .option('--effort <seconds>', 'estimated work', seconds)
  .option('--deadline <time>', 'a time, or a span from now: 90s, 15m, 2h, 1d')
  .option('--payload <json>', 'the work itself; @FILE reads a file')
  .option(
    '--oversight <json>',
    'nobody gets it before it is decided on: {"why":…,"confidence":…,"impact":…}; @FILE reads a file',
  )
  .option('--bid-seconds <seconds>', 'how long bids are collected; 0 awards at once', seconds)
  .option('--accept-seconds <seconds>', 'how long an award waits for acceptance; 30 by default', seconds)
  .option('--lease-seconds <seconds>', 'how long without a heartbeat; 60 by default', seconds)
  .option('--max-attempts <n>', '5 by default', whole)
  .option('--retry-seconds <seconds>', 'delay of the second attempt; 1 by default', seconds)
  .option('--cause <receipt>', 'stream@index of what led to this task')
  .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer')
  .action(runs<PostCommand.PostInput>(() => (require('./market/post') as typeof PostCommand).post));

command(program, 'tasks', 'List tasks, or show one', [
  'formicary tasks --status open',
  'formicary tasks --stuck 300  # open for five minutes, the longest first, and why',
  'formicary tasks --agent recon-7 --limit 20',
  'formicary tasks inv-4711  # everything about one',
])
  .argument('[id]', 'a task')
  .addOption(
    new Option('-s, --status <status>').choices([
      'held',
      'open',
      'awarded',
      'running',
      'completed',
      'cancelled',
      'expired',
      'dead',
    ]),
  )
  .option('-a, --agent <id>', 'held or completed by')
  .option('-t, --type <task_type>')
  .option(
    '--stuck [seconds]',
    'open or held for so many seconds at least (60 by default), the longest first',
    numberFrom(0, 999_999_999, true),
  )
  .addOption(
    new Option('--sort <order>', 'waiting: open and held tasks, those first that have waited longest').choices([
      'waiting',
    ]),
  )
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<TasksCommand.TasksInput>(() => (require('./market/tasks') as typeof TasksCommand).tasks));

command(program, 'candidates', 'Show who could do a task, and what is in the way of each', [
  'formicary candidates inv-4711',
])
  .argument('<task>', 'a task')
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<TasksCommand.CandidatesInput>(() => (require('./market/tasks') as typeof TasksCommand).candidates));

command(program, 'agents', 'List agents, or show one', [
  'formicary agents --status active --pool finance',
  'formicary agents --capability invoice_matching',
  'formicary agents recon-7  # everything about one',
])
  .argument('[id]', 'an agent')
  .option('-c, --capability <name>')
  .option('-t, --type <agent_type>')
  .option('-p, --pool <pool>')
  .addOption(new Option('-s, --status <status>').choices(AGENT_STATUSES))
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<AgentsCommand.AgentsInput>(() => (require('./market/agents') as typeof AgentsCommand).agents));

command(program, 'types', 'Search the repository of agent types', [
  'formicary types inventory optimization',
  'formicary types --department finance',
  'formicary types --show finance.reconciliation',
])
  .argument('[words...]', 'what to search for; all types without')
  .option('--show <agent_type>', 'everything about one')
  .option('--department <name>')
  .option('--industry <name>')
  .option('-c, --capability <name>')
  .option('-n, --limit <n>', 'at most so many', whole)
  .action(runs<TypesCommand.TypesInput>(() => (require('./repository/types') as typeof TypesCommand).types));

command(program, 'tools', 'Find tools', [
  'formicary tools invoice',
  'formicary tools --api Salesforce --operation query_leads',
  'formicary tools --show crm-leads',
])
  .argument('[words...]', 'words that its name, description or tags hold')
  .option('--show <tool>', 'everything about one')
  .option('--api <name>')
  .option('--operation <name>')
  .option('--deprecated', 'also those that should not be used any more')
  .option('-n, --limit <n>', 'at most so many', whole)
  .action(runs<ToolsCommand.ToolsInput>(() => (require('./repository/tools') as typeof ToolsCommand).tools));

const signals = command(program, 'signals', 'Show the strongest signals now, or emit one', [
  'formicary signals --location warehouse/eu  # there and below',
  'formicary signals --type resource_needed --minimum 0.5',
  'formicary signals emit resource_needed warehouse/eu/dock-3 0.8',
])
  .option('-l, --location <place>', 'this place and everything below it')
  .option('-t, --type <type>')
  .option('-m, --minimum <share>', 'weakest strength, 0 to 1', share)
  .option('-n, --limit <n>', 'at most so many; 50 by default', whole)
  .action(
    runs<Parameters<typeof SignalsCommand.field>[1]>(
      () => (require('./signals/signals') as typeof SignalsCommand).field,
    ),
  );

command(signals, 'emit', 'Emit a signal', ['formicary signals emit threat_detected plant/line-2 0.9 --decay 0.02'])
  .argument('<type>', 'for example resource_needed')
  .argument('<location>', 'for example warehouse/eu/dock-3')
  .argument('<strength>', '0 to 1', share)
  .option('--decay <share>', 'share of its strength that it loses in a minute; 0.1 by default', share)
  .option('--emitter <agent>', 'the caller by default')
  .action(runs<SignalsCommand.EmitInput>(() => (require('./signals/signals') as typeof SignalsCommand).emit));

command(program, 'rounds', 'List rounds of agents, or show one', [
  'formicary rounds --status open',
  'formicary rounds --escalated  # those that agents left to people',
  'formicary rounds backup-window  # what is asked, and who said what',
])
  .argument('[id]', 'a round')
  .addOption(new Option('-s, --status <status>').choices(ROUND_STATUSES))
  .option('-k, --kind <kind>')
  .option('--voter <id>', 'in which this one may vote')
  .option('--escalated', 'that went to people')
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<RoundsCommand.RoundsInput>(() => (require('./oversight/rounds') as typeof RoundsCommand).rounds));

command(program, 'poll', 'Put a question to agents: opens a round', [
  'formicary poll "Move the backup to the night?" --voter ada-1 --voter bo-2 --voter cy-3',
  'formicary poll "Which supplier?" --capability finance.reconciliation --choice north --choice south  # whoever knows the field',
  'formicary poll "Close the plant?" --algorithm weighted_voting --voter ada-1=3 --voter bo-2=1 --passes 2',
])
  .argument('<question>')
  .option('--id <id>', 'your own id; a new one is made without')
  .option('--voter <id[=weight]>', 'who votes (several times)', collect)
  .option('--capability <name>', 'or whoever knows this field, by expertise')
  .option('--choice <id>', 'what to choose from (several times); approve and reject by default', collect)
  .addOption(
    new Option('--algorithm <name>', 'simple_majority for voters by name, else expertise_based').choices(ALGORITHMS),
  )
  .option('--kind <kind>', 'of decision; question by default')
  .addOption(new Option('--impact <impact>', 'medium by default').choices(IMPACTS))
  .option('--seconds <seconds>', 'how long a pass lasts; 60 by default', numberFrom(1, Infinity))
  .option('--passes <n>', 'how often they may vote until they agree; 1 by default', whole)
  .action(runs<RoundsCommand.PollInput>(() => (require('./oversight/rounds') as typeof RoundsCommand).poll));

command(program, 'vote', 'Vote in a round, as the caller', [
  'formicary vote backup-window approve --reason "the nights are quiet" --principal ada-1',
  'formicary vote backup-window reject --reason "the restore test runs then" --confidence 0.6 --principal bo-2',
])
  .argument('<round>', 'an open round')
  .argument('<choice>', 'one of its choices')
  .requiredOption('-r, --reason <text>', 'why: dissent is told by name')
  .option('-c, --confidence <share>', '0 to 1', share, 0.8)
  .option('--final', 'where votes may be changed: this one will not be')
  .action(runs<RoundsCommand.VoteInput>(() => (require('./oversight/rounds') as typeof RoundsCommand).vote));

command(program, 'tally', 'Count a closed round again, on this machine, from its receipts alone', [
  'formicary tally backup-window',
  'formicary tally backup-window --data ./colony  # without a host',
  'formicary tally backup-window --file receipts.ndjson.gz',
])
  .argument('<round>', 'a closed round')
  .option('-d, --data [folder]', 'from a data folder instead of a host')
  .option('-f, --file <file>', 'from an export, .gz or not; - is standard input')
  .addHelpText('after', EXIT_CODES)
  .action(runs<TallyCommand.TallyInput>(() => (require('./oversight/tally') as typeof TallyCommand).tally));

command(program, 'approvals', 'Show what waits for people: severe things first, then what is due first', [
  'formicary approvals',
  'formicary approvals --group administrators',
  'formicary approvals --status closed --outcome defaulted  # what nobody decided',
])
  .addOption(new Option('-s, --status <status>', 'waiting by default').choices(APPROVAL_STATUSES))
  .option('-k, --kind <kind>')
  .addOption(new Option('--severity <severity>').choices(IMPACTS))
  .option('--requester <id>')
  .addOption(new Option('--outcome <outcome>').choices(APPROVAL_OUTCOMES))
  .option('-g, --group <name>', 'that was asked')
  .option('-n, --limit <n>', 'at most so many; 20 by default', whole)
  .option('--all', 'every one')
  .action(
    runs<ApprovalsCommand.ApprovalsInput>(
      () => (require('./oversight/approvals') as typeof ApprovalsCommand).approvals,
    ),
  );

command(
  program,
  'approval',
  'Show what a person needs to decide: who asks, why, what the agents say, and the action itself',
  ['formicary approval 4f0c…', 'formicary approval 4f0c… --json'],
)
  .argument('<id>', 'an approval')
  .action(runs<{ id: string }>(() => (require('./oversight/approvals') as typeof ApprovalsCommand).approval));

command(program, 'approve', 'Approve an action, as it is or as you correct it', [
  'formicary approve 4f0c… --reason "within the budget"',
  'formicary approve 4f0c… --reason "half is enough" --edit \'{"payload":{"amount":10}}\'  # what is to change in the action',
  'formicary approve 4f0c… --reason "as seen" --hash 0a1b2c3d4e5f  # only if it is still what you looked at',
])
  .argument('<id>', 'an approval')
  .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
  .option(
    '-e, --edit <json>',
    'what to change in the action first, as a JSON Merge Patch (null removes); @FILE reads a file',
  )
  .option('-c, --choice <choice>', 'where several things may be approved: which; needed when none of them leads')
  .option('--hash <hash>', 'refuse unless the action still has this hash, or one that begins so')
  .action(
    runs<ApprovalsCommand.DecideInput>(() => (require('./oversight/approvals') as typeof ApprovalsCommand).approve),
  );

command(program, 'reject', 'Reject an action', ['formicary reject 4f0c… --reason "not this year"'])
  .argument('<id>', 'an approval')
  .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
  .option('--hash <hash>', 'refuse unless the action still has this hash, or one that begins so')
  .action(
    runs<ApprovalsCommand.DecideInput>(() => (require('./oversight/approvals') as typeof ApprovalsCommand).reject),
  );

command(program, 'ask', 'Ask the requester of an approval back; the time goes on meanwhile', [
  'formicary ask 4f0c… "Which budget is it from?"',
])
  .argument('<id>', 'an approval')
  .argument('<question>')
  .action(
    runs<{ id: string; question: string }>(() => (require('./oversight/approvals') as typeof ApprovalsCommand).ask),
  );

command(program, 'actions', 'List actions at the gate, or show one', [
  'formicary actions --status veto_window',
  'formicary actions --compensation due  # what is to be undone',
  'formicary actions order-7  # everything about one',
])
  .argument('[id]', 'an action')
  .addOption(new Option('-s, --status <status>').choices(ACTION_STATUSES))
  .option('-k, --kind <kind>')
  .addOption(new Option('--compensation <state>').choices(COMPENSATIONS))
  .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
  .option('--all', 'every one')
  .action(runs<ActionsCommand.ActionsInput>(() => (require('./oversight/actions') as typeof ActionsCommand).actions));

command(program, 'veto', 'Stop an action in its veto window', [
  'formicary veto order-7 --reason "the supplier is on strike"',
])
  .argument('<id>', 'an action')
  .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
  .action(runs<{ id: string; reason: string }>(() => (require('./oversight/actions') as typeof ActionsCommand).veto));

command(program, 'override', "Put a person's decision in place of what came of an action or a round", [
  'formicary override action order-7 refuse --reason "a mistake"  # what was done already is to be undone',
  'formicary override action order-8 allow --reason "I answer for it"',
  'formicary override round backup-window reject --reason "the auditors come"',
])
  .addArgument(new Argument('<what>').choices(['action', 'round']))
  .argument('<id>', 'of the action or the round')
  .argument('<instead>', 'refuse or allow the action; a choice of the round')
  .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
  .action(runs<ActionsCommand.OverrideInput>(() => (require('./oversight/actions') as typeof ActionsCommand).override));

command(program, 'challenge', 'Doubt an award, an action, an outcome or a denial: agents without a part in it judge', [
  'formicary challenge default/task/inv-4711@1 --reason "it has not the tools" --principal recon-7',
])
  .argument('<receipt>', 'stream@index, as receipts show it')
  .requiredOption('-r, --reason <text>', 'what is wrong with it')
  .action(
    runs<{ receipt: string; reason: string }>(
      () => (require('./oversight/challenge') as typeof ChallengeCommand).challenge,
    ),
  );

command(
  program,
  'oversight',
  'Show or set the rules: what agents may do alone, what they vote on, what people decide',
  [
    'formicary oversight',
    'formicary oversight erp.order  # its rules as JSON; the defaults when it has none',
    'formicary oversight erp.order --set @rules.json',
  ],
)
  .argument('[kind]', 'a kind of action')
  .option('--set <json>', 'the rules, whole; @FILE reads a file')
  .action(
    runs<OversightCommand.OversightInput>(
      () => (require('./oversight/oversight') as typeof OversightCommand).oversight,
    ),
  );

declareOperator(program);
declareWorker(program);

command(program, 'tail', 'Watch receipts as they come', [
  'formicary tail',
  'formicary tail --category task',
  'formicary tail --json | jq .events',
  'formicary tail --all --limit 20  # from the beginning',
])
  .option('-c, --category <name>', 'task, agent, trail, tool, …')
  .option('--correlation <id>', 'what one cause has set in motion')
  .addOption(new Option('--after <place>', 'a place in the log, from an earlier page').conflicts('all'))
  .option('--all', 'from the beginning')
  .option('-n, --limit <n>', 'end after so many', whole)
  .action(runs<TailCommand.TailInput>(() => (require('./audit/tail') as typeof TailCommand).tail));

command(program, 'why', 'Tell what led to something, and what followed', [
  'formicary why inv-4711',
  'formicary why default/task/inv-4711@2 --json',
  'formicary why inv-4711 --data ./colony  # without a host',
])
  .argument('<id>', 'a task, a receipt (stream@index), or a correlation id')
  .option('-d, --data [folder]', 'from a data folder instead of a host')
  .action(runs<WhyCommand.WhyInput>(() => (require('./audit/why') as typeof WhyCommand).why));

command(program, 'asof', 'Show how something was, and what is different now', [
  'formicary asof 10m task inv-4711',
  'formicary asof 2026-11-21T10:00:00Z agent recon-7',
  'formicary asof 1h trail resource_needed/warehouse/eu',
])
  .argument('<time>', 'a time, or a span ago: 90s, 15m, 2h, 1d')
  .addArgument(new Argument('<kind>').choices(['task', 'agent', 'trail', 'tool']))
  .argument('<id>', 'its id; of a trail TYPE/LOCATION')
  .action(runs<Parameters<typeof AsofCommand.asof>[1]>(() => (require('./audit/asof') as typeof AsofCommand).asof));

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
  .action(
    runs<RecomputeCommand.RecomputeInput>(() => (require('./audit/recompute') as typeof RecomputeCommand).recompute),
  );

command(
  program,
  'verify',
  'Check every chain without the host: names what was altered, dropped, inserted, reordered or moved',
  [
    'formicary verify  # also while a host is running',
    'formicary verify --data ./colony',
    'formicary verify --export receipts.ndjson.gz',
  ],
)
  .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
  .option('-e, --export <file>', 'an export, .gz or not; - is standard input')
  .addHelpText('after', EXIT_CODES)
  .action(runs<VerifyCommand.VerifyInput>(() => (require('./audit/verify') as typeof VerifyCommand).verify));

command(program, 'export', 'Write all receipts, a line each, so that others can verify them', [
  'formicary export receipts.ndjson.gz',
  'formicary export receipts.ndjson --data ./colony  # the stored bytes, without a host',
  'formicary export saved.ndjson --data ./copy --salvage  # what can be read of a damaged file',
  'formicary export | formicary verify --export -',
])
  .argument('[file]', 'standard output without; compressed when it ends with .gz')
  .option(
    '-d, --data [folder]',
    'from a data folder, also while its host runs: of all tenants, or of --tenant; without, of one tenant from a host',
  )
  .option('--salvage', 'from the bytes of a damaged database; says what could not be read, and ends with 1 then')
  .action(runs<ExportCommand.ExportInput>(() => (require('./audit/export') as typeof ExportCommand).exportLog));

command(program, 'backup', 'Back a data folder up, also while its host runs, and verify the backup', [
  'formicary backup ./backup-monday',
  'formicary backup /mnt/backups/colony --data ./colony',
])
  .argument('<folder>', 'where to; it must not be there, or be empty')
  .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
  .addHelpText(
    'after',
    '\nReceipts, payloads and orchestrations, with a manifest of hashes. Ends with 1 when what was backed up does not hold.',
  )
  .action(
    runs<Parameters<typeof BackupCommand.backup>[1]>(
      () => (require('./operation/backup') as typeof BackupCommand).backup,
    ),
  );

command(program, 'restore', 'Make a data folder out of a backup, and verify it', [
  'formicary restore ./backup-monday --data ./colony',
])
  .argument('<folder>', 'the backup')
  .requiredOption('-d, --data <folder>', 'where to; it must not be there, or be empty')
  .addHelpText(
    'after',
    '\nEvery file is held against the manifest first; nothing is overwritten. Ends with 1 when what was restored does not hold.',
  )
  .action(
    runs<Parameters<typeof BackupCommand.restoreBackup>[1]>(
      () => (require('./operation/backup') as typeof BackupCommand).restoreBackup,
    ),
  );

command(program, 'retention', 'Show or set which streams that have ended may be archived, and when', [
  'formicary retention',
  `formicary retention --set '{"task":365,"trail":30}'  # days after the last receipt`,
  "formicary retention --set '{}'  # nothing any more",
])
  .option(
    '--set <json>',
    'days by category (task, action, round, approval, delivery, trail), whole; @FILE reads a file',
  )
  .action(
    runs<RetentionCommand.RetentionInput>(() => (require('./audit/retention') as typeof RetentionCommand).retention),
  );

command(
  program,
  'archive',
  'Move streams that ended long ago into a file beside the database, by the policy of each tenant; the host is stopped for it',
  ['formicary archive --data ./colony --dry-run  # says what would be moved', 'formicary archive --data ./colony'],
)
  .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
  .option('--dry-run', 'change nothing')
  .addHelpText(
    'after',
    '\nNothing is deleted: what is archived is read as before, from the folder archive/, which belongs to the data folder.',
  )
  .action(runs<ArchiveCommand.ArchiveInput>(() => (require('./audit/archive') as typeof ArchiveCommand).archive));

command(program, 'status', 'Show how the host is', ['formicary status', 'formicary status --json']).action(
  runs<object>(() => (require('./operation/status') as typeof StatusCommand).status),
);

// ---------------------------------------------------------------------------------------------------------- errors

/** One line that says what was wrong, and what to do. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : NOT_DONE;
  const [message, hints] = explained(error);
  note([`formicary: ${message}`, ...hints.map((hint) => `  ${hint}`)].join('\n'));
  return error instanceof FormicaryError && error.status > 0 && !isForeign(error) ? REFUSED : NOT_DONE;
}

function explained(error: unknown): [message: string, hints: string[]] {
  if (error instanceof UsageError) return [error.message, error.hint === undefined ? [] : [error.hint]];
  if (error instanceof FormicaryError && error.code === 'unreachable')
    return [
      `no host answers at ${program.opts<Globals>().url}`,
      [`Start one with: ${CALL} start`, 'or name another with --url or FORMICARY_URL.'],
    ];
  if (error instanceof FormicaryError && isForeign(error))
    return [`${program.opts<Globals>().url}: ${error.problem.detail}`, ['Name another with --url or FORMICARY_URL.']];
  if (error instanceof FormicaryError) return [error.problem.detail, error.message.split('\n').slice(1)];
  return [error instanceof Error ? error.message : String(error), []];
}

/** Something else than a host has answered. */
function isForeign({ problem, code }: FormicaryError): boolean {
  return problem.type === 'about:blank' || code === 'no-formicary-host';
}

/** What nobody was there to catch: never the 1 that stands for an answer. */
function fail(message: string): never {
  process.stderr.write(`formicary: ${message}\n`);
  process.exit(NOT_DONE);
}

// Whoever reads the output may stop reading: `formicary tail | head`. An answer that was found by then stands.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  fail(`the output can't be written: ${error.message}`);
});
// Notes and progress are no part of the result.
process.stderr.on('error', () => undefined);
process.on('uncaughtException', (error) => fail(error.stack ?? error.message));
process.on('unhandledRejection', (reason) =>
  fail(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
);

/** Commander ends the process itself unless every command is told not to. */
function throwInstead(given: Command): void {
  given.exitOverride();
  given.commands.forEach(throwInstead);
}

endWithParent();

/** What the command line reads by itself; a slip in one of them would act for another tenant, or as somebody else. */
const VARIABLES = ['FORMICARY_URL', 'FORMICARY_TENANT', 'FORMICARY_PRINCIPAL'];

for (const name of Object.keys(process.env)) {
  const meant = name.startsWith('FORMICARY_') && !VARIABLES.includes(name) ? nearest(name, VARIABLES) : undefined;
  if (meant !== undefined) note(`formicary: the variable ${name} is not known, and not used: did you mean ${meant}?`);
}

throwInstead(program);
program.parseAsync().catch((error: unknown) => (process.exitCode = report(error)));
