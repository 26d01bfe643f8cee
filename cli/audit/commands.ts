/** The commands of receipts: what happened, why, and whether it holds. */
import { Argument, type Command, Option } from 'commander';
import { AUDIT_STATUSES } from '../../domain/audit/audit-entry';
import { type All, collect, command, type CommandModule, EXIT_CODES, runs, whole } from '../define';
import type * as ArchiveCommand from './archive';
import type * as AsofCommand from './asof';
import type * as CheckpointCommand from './checkpoint';
import type * as EntriesCommand from './entries';
import type * as ExportCommand from './export';
import { REPORT_KINDS } from './performance-period';
import type * as RecomputeCommand from './recompute';
import type * as ReportCommand from './report';
import type * as ReporterCommand from './reporter';
import type * as RetentionCommand from './retention';
import type * as TailCommand from './tail';
import type * as VerifyCommand from './verify';
import type * as WhyCommand from './why';

export const commands: CommandModule = [
  { order: 90, declare: declareReceipts },
  { order: 110, declare: declareArchive },
];

function declareReceipts(program: Command, { kinds, aggregates }: All): void {
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
    .action(runs<TailCommand.TailInput>(() => (require('./tail') as typeof TailCommand).tail));

  command(program, 'why', 'Tell what led to something, and what followed', [
    'formicary why inv-4711',
    'formicary why default/task/inv-4711@2 --json',
    'formicary why inv-4711 --data ./colony  # without a host',
  ])
    .argument('<id>', 'a task, a receipt (stream@index), or a correlation id')
    .option('-d, --data [folder]', 'from a data folder instead of a host')
    .action(runs<WhyCommand.WhyInput>(() => (require('./why') as typeof WhyCommand).why(aggregates)));

  command(program, 'asof', 'Show how something was, and what is different now', [
    'formicary asof 10m task inv-4711',
    'formicary asof 2026-11-21T10:00:00Z agent recon-7',
    'formicary asof 1h trail resource_needed/warehouse/eu',
  ])
    .argument('<time>', 'a time, or a span ago: 90s, 15m, 2h, 1d')
    .addArgument(new Argument('<kind>').choices(Object.keys(kinds)))
    .argument('<id>', 'its id; of a trail TYPE/LOCATION')
    .action(runs<AsofCommand.AsofInput>(() => (require('./asof') as typeof AsofCommand).asof(kinds)));

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
    .action(runs<RecomputeCommand.RecomputeInput>(() => (require('./recompute') as typeof RecomputeCommand).recompute));

  command(
    program,
    'verify',
    'Check every chain without the host: names what was altered, dropped, inserted, reordered or moved',
    [
      'formicary verify  # also while a host is running',
      'formicary verify --data ./colony',
      'formicary verify receipts.ndjson.gz --key log.vkey  # and holds it against the signed log',
      'formicary verify receipts.ndjson.gz --key log.vkey --checkpoint kept.checkpoint',
      'formicary verify receipts.ndjson.gz --key log.vkey --anchor /mnt/anchors',
      'formicary verify --report november --key log.vkey',
    ],
  )
    .argument('[file]', 'an export, as --export')
    .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
    .option('-e, --export <file>', 'an export, .gz or not; - is standard input')
    .option('-r, --report <folder>', 'a report instead, or its entries')
    .option(
      '-k, --key <key>',
      'the verifier key of the log, or a file with it, or with several of them: from elsewhere',
    )
    .option('--checkpoint <file>', 'a checkpoint that was kept; may be given again', collect)
    .option('--anchor <folder>', 'all checkpoints of the log that an anchor has kept, or a copy of it')
    .addHelpText('after', EXIT_CODES)
    .action(runs<VerifyCommand.VerifyInput>(() => (require('./verify') as typeof VerifyCommand).verify));

  command(program, 'checkpoint', 'Sign what is in the log now; or show what was signed', [
    'formicary checkpoint > now.checkpoint',
    'formicary checkpoint --list',
    'formicary checkpoint --keys > log.vkey  # once: keep it where the host is not',
  ])
    .addOption(new Option('--list', 'the checkpoints so far, newest first').conflicts('keys'))
    .option('--keys', 'the keys that verify them')
    .action(
      runs<CheckpointCommand.CheckpointInput>(() => (require('./checkpoint') as typeof CheckpointCommand).checkpoint),
    );

  command(program, 'proof', 'Prove that a receipt is in the signed log, as a .tlog-proof', [
    'formicary proof default/task/inv-4711@2 > inv-4711.tlog-proof',
  ])
    .argument('<receipt>', 'stream@index')
    .action(runs<CheckpointCommand.ProofInput>(() => (require('./checkpoint') as typeof CheckpointCommand).proof));

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
    .action(runs<ExportCommand.ExportInput>(() => (require('./export') as typeof ExportCommand).exportLog));

  command(program, 'audit', 'Show audit entries: who did what, with which rights, and what came of it', [
    'formicary audit --resource task/inv-4711',
    'formicary audit --category agent --event AgentRegistered --event AgentDeregistered --from 30d',
    'formicary audit --category round --event VoteCast --by ada --json',
    'formicary audit --status denied --from 1d --all',
  ])
    .option('-r, --resource <category/id>', 'of one thing, for example task/inv-4711')
    .addOption(new Option('-c, --category <name>', 'task, agent, trail, round, …').conflicts('resource'))
    .addOption(new Option('--correlation <id>', 'what one cause has set in motion').conflicts('resource'))
    .option('--event <type>', 'with this event, for example TaskAwarded; may be given again', collect)
    .option('--by <id>', 'of this agent, person or service')
    .addOption(new Option('--status <status>', 'how it went').choices(AUDIT_STATUSES))
    .option('--from <time>', 'from then on: a day, a time, or a span ago')
    .option('--to <time>', 'until before then')
    .option('-n, --limit <n>', 'so many at most; 100 without', whole)
    .option('--all', 'every one')
    .action(runs<EntriesCommand.EntriesInput>(() => (require('./entries') as typeof EntriesCommand).entries));

  command(
    program,
    'report',
    "Write a report: of a day's operation, of a week's performance, or for auditors of a period",
    [
      'formicary report daily  # how yesterday was, on the screen',
      'formicary report daily --zone Europe/Berlin --html yesterday.html --csv yesterday.csv',
      'formicary report weekly --html week.html  # the last seven days beside the seven before',
      'formicary report compliance --from 2026-11-01 --to 2026-12-01 --html november.html',
      'formicary report --from 2026-11-01 --to 2026-12-01 --out november',
      'formicary report --from 7d --data ./colony  # without a host',
      'formicary report --from 2026-11-01 --to 2026-12-01 --export receipts.ndjson.gz --key log.vkey',
    ],
  )
    .addArgument(
      new Argument('[kind]', 'compliance: entries with proofs, a table and a page in a folder')
        .choices(REPORT_KINDS)
        .default('compliance'),
    )
    .option('--from <time>', 'the first time of the period: a day, a time, or a span ago; daily and weekly need none')
    .option('--to <time>', 'the first time after it; now without')
    .option('--zone <name>', 'whose days daily and weekly are of, for example Europe/Berlin; UTC without')
    .option('--html <file>', 'the page to read alone, which prints')
    .option('--csv <file>', 'the table alone, for spreadsheets')
    .option('-o, --out <folder>', 'the folder that is made; named after the tenant and the period without')
    .addOption(new Option('-d, --data [folder]', 'from a data folder instead of a host').conflicts('export'))
    .option('-e, --export <file>', 'from an export, .gz or not; - is standard input')
    .option(
      '-k, --key <key>',
      'the verifier key of the log, or a file with it, or with several of them: from elsewhere',
    )
    .option('--checkpoint <file>', 'a checkpoint that was kept; may be given again', collect)
    .option('--with-payloads', 'each entry with the bytes of its receipt, not with hashes and sizes alone')
    .addHelpText('after', EXIT_CODES)
    .action(runs<ReportCommand.ReportInput>(() => (require('./report') as typeof ReportCommand).report));

  command(program, 'reporter', 'Be an agent that writes reports when tasks ask for them, for example of a schedule', [
    'formicary reporter --principal reporter --out reports',
  ])
    .requiredOption('-o, --out <folder>', 'the folder that they are written into')
    .addHelpText(
      'after',
      '\nIts tasks are of the type formicary.report, with the payload {"report":"daily","zone":"Europe/Berlin"}, or "weekly".',
    )
    .action(runs<ReporterCommand.ReporterInput>(() => (require('./reporter') as typeof ReporterCommand).reporter));
}

function declareArchive(program: Command): void {
  command(program, 'retention', 'Show or set which streams that have ended may be archived, and when', [
    'formicary retention',
    `formicary retention --set '{"task":365,"trail":30}'  # days after the last receipt`,
    "formicary retention --set '{}'  # nothing any more",
  ])
    .option(
      '--set <json>',
      'days by category (task, action, round, approval, delivery, trail), whole; @FILE reads a file',
    )
    .action(runs<RetentionCommand.RetentionInput>(() => (require('./retention') as typeof RetentionCommand).retention));

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
    .action(runs<ArchiveCommand.ArchiveInput>(() => (require('./archive') as typeof ArchiveCommand).archive));
}
