/** The commands of whoever keeps a colony running. */
import { Argument, type Command, Option } from 'commander';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { collect, command, type CommandModule, numberFrom, runs } from '../define';
import type * as BackupCommand from './backup';
import type * as DoctorCommand from './doctor';
import type * as InitCommand from './init';
import type * as OperateCommand from './operate';
import type * as StartCommand from './start';
import type * as StatusCommand from './status';
import type * as TestHostCommand from './test-host';

const operate = () => require('./operate') as typeof OperateCommand;

export const commands: CommandModule = [
  { order: 10, declare: declareStart },
  { order: 70, declare: declareOperator },
  { order: 85, declare: declareStarters },
  { order: 100, declare: declareBackup },
  { order: 120, declare: declareStatus },
];

function declareStart(program: Command): void {
  command(program, 'start', 'Run a host on this machine', [
    'formicary start',
    'formicary start --port 7171 --data ./colony  # a second one beside it',
  ])
    .option('-p, --port <port>', 'where it listens; 7071, or FORMICARY_PORT', numberFrom(1, 65_535, true))
    .option('-d, --data <folder>', 'where it keeps everything; .formicary, or FORMICARY_DATA')
    .option('--new-keys', 'go on without the keys that the folder was sealed and signed with, which are lost for good')
    .option('--dev-headers', 'believe callers who say who they are, without a token: for tests on this machine')
    .action(runs<Parameters<typeof StartCommand.start>[1]>(() => (require('./start') as typeof StartCommand).start));
}

function declareStarters(program: Command): void {
  command(program, 'init', 'Make a starter: a worker, a requester, an approval and a test that pass as they are', [
    'formicary init typescript my-agent',
    'formicary init python my-agent',
  ])
    .addArgument(new Argument('<language>').choices(['typescript', 'python']))
    .argument('[folder]', 'where to; it must not be there, or be empty', '.')
    .action(runs<InitCommand.InitInput>(() => (require('./init') as typeof InitCommand).init));

  command(program, 'test-host', 'Run a host for tests, which keeps nothing and whose clock the test moves', [
    'formicary test-host  # started by the test kits for TypeScript and Python',
  ])
    .addHelpText(
      'after',
      '\nSays where it serves, takes { "advance": SECONDS } in lines on its standard input, and ends with that.',
    )
    .action(runs<object>(() => (require('./test-host') as typeof TestHostCommand).testHost));
}

function declareOperator(program: Command): void {
  command(program, 'cancel', 'Cancel a task', ['formicary cancel inv-4711 --reason "the invoice was withdrawn"'])
    .argument('<task>')
    .option('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<Parameters<typeof OperateCommand.cancel>[1]>(() => operate().cancel));

  command(program, 'redrive', 'Bring dead and expired tasks back, with their attempts counted anew', [
    'formicary redrive inv-4711',
    'formicary redrive --type finance.reconciliation',
    'formicary redrive --all',
  ])
    .argument('[tasks...]', 'those that are named')
    .option('-t, --type <task_type>', 'all of a type')
    .option('--all', 'all there are')
    .option(
      '--deadline <time>',
      'for those whose deadline has passed: a time, or a span from now (90s, 2h); as much time as before without',
    )
    .action(runs<OperateCommand.RedriveInput>(() => operate().redrive));

  command(
    program,
    'parked',
    'Show what a consumer of the feed, or the intake of signals, has given up on, or have it tried again',
    ['formicary parked', 'formicary parked --redrive default/task/inv-1@3', 'formicary parked --redrive-all'],
  )
    .addArgument(new Argument('[consumer]', 'of one consumer').choices(CONSUMERS))
    .option('--redrive <id>', 'try this one again')
    .addOption(new Option('--redrive-all', 'try all of them again').conflicts('redrive'))
    .action(runs<Parameters<typeof OperateCommand.parked>[1]>(() => operate().parked));

  command(program, 'rebuild', 'Build a view anew beside the one that serves', [
    'formicary rebuild tasks  # formicary status lists the views',
  ])
    .argument('<view>')
    .action(runs<Parameters<typeof OperateCommand.rebuild>[1]>(() => operate().rebuild));

  command(program, 'deliveries', 'Show notices that were given up, or try one again', [
    'formicary deliveries',
    'formicary deliveries --redrive 0199…',
  ])
    .option('--redrive <id>', 'try this one again')
    .action(runs<Parameters<typeof OperateCommand.deliveries>[1]>(() => operate().deliveries));

  command(program, 'channels', 'Show how people are reached', ['formicary channels']).action(
    runs<object>(() => operate().channels),
  );

  command(program, 'pools', 'Show how loaded the pools are, or one of them over time', [
    'formicary pools',
    'formicary pools finance --minutes 30',
  ])
    .argument('[pool]')
    .option('-m, --minutes <n>', 'how far back, at most 360', numberFrom(1, 360), 10)
    .action(runs<Parameters<typeof OperateCommand.pools>[1]>(() => operate().pools));

  command(program, 'pause', 'Pause a type of task, which then waits, or a pool, which gets nothing new', [
    'formicary pause type finance.reconciliation --reason "the ledger is down"',
    'formicary pause pool finance --reason "a new version"',
  ])
    .addArgument(new Argument('<kind>').choices(['type', 'pool']))
    .argument('<name>')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<Parameters<typeof OperateCommand.pause>[1]>(() => operate().pause));

  command(program, 'resume', 'End a pause', [
    'formicary resume type finance.reconciliation',
    'formicary resume agent recon-7',
  ])
    .addArgument(new Argument('<kind>').choices(['type', 'pool', 'agent']))
    .argument('<name>')
    .action(runs<Parameters<typeof OperateCommand.resume>[1]>(() => operate().resume));

  command(program, 'paused', 'Show what is paused', ['formicary paused']).action(runs<object>(() => operate().paused));

  command(program, 'drain', 'Give an agent or a pool nothing new, until what it holds is done', [
    'formicary drain agent recon-7 --reason "its machine is replaced" --wait',
    'formicary drain pool finance --reason "a new version"',
  ])
    .addArgument(new Argument('<kind>').choices(['agent', 'pool']))
    .argument('<name>')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .option('-w, --wait', 'until it holds nothing any more')
    .action(runs<OperateCommand.DrainInput>(() => operate().drain));

  command(program, 'blob', 'Print a payload or a result that is kept apart because it is large', [
    'formicary blob inv-4711',
    'formicary blob inv-4711 result',
  ])
    .argument('<task>')
    .argument('[which]', 'payload, result, or the reference itself', 'payload')
    .action(runs<Parameters<typeof OperateCommand.blob>[1]>(() => operate().blob));

  command(program, 'doctor', 'Look at the host, its clock, its disk and its folder, and say what is wrong', [
    'formicary doctor',
    'formicary doctor --data ./colony',
  ])
    .option('-d, --data <folder>', 'the data folder; .formicary, or FORMICARY_DATA')
    .action(runs<DoctorCommand.DoctorInput>(() => (require('./doctor') as typeof DoctorCommand).doctor));
}

function declareBackup(program: Command): void {
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
      runs<Parameters<typeof BackupCommand.backup>[1]>(() => (require('./backup') as typeof BackupCommand).backup),
    );

  command(program, 'restore', 'Make a data folder out of a backup, and verify it', [
    'formicary restore ./backup-monday --data ./colony',
    'formicary restore ./backup-monday --data ./colony --erasures people.json --erasures tenants.json',
  ])
    .argument('<folder>', 'the backup')
    .requiredOption('-d, --data <folder>', 'where to; it must not be there, or be empty')
    .option(
      '--erasures <file>',
      'who was erased since, as `personal erasures --all --json` or `tenant list --json` says it: they stay so; may be given again',
      collect,
    )
    .addHelpText(
      'after',
      '\nEvery file is held against the manifest first; nothing is overwritten. Ends with 1 when what was restored does not hold.',
    )
    .action(
      runs<Parameters<typeof BackupCommand.restoreBackup>[1]>(
        () => (require('./backup') as typeof BackupCommand).restoreBackup,
      ),
    );
}

function declareStatus(program: Command): void {
  command(program, 'status', 'Show how the host is', ['formicary status', 'formicary status --json']).action(
    runs<object>(() => (require('./status') as typeof StatusCommand).status),
  );
}
