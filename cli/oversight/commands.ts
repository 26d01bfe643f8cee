/** The commands of rounds, approvals and the gate. */
import { Argument, type Command, Option } from 'commander';
import { COMPENSATIONS } from '../../domain/oversight/action';
import { APPROVAL_OUTCOMES, APPROVAL_STATUSES } from '../../domain/oversight/approval';
import { ALGORITHMS } from '../../domain/oversight/consensus';
import { ACTION_STATUSES, IMPACTS, ROUND_STATUSES } from '../../domain/oversight/statuses';
import { collect, command, type CommandModule, EXIT_CODES, numberFrom, runs, share, whole } from '../define';
import type * as ActionsCommand from './actions';
import type * as ApprovalsCommand from './approvals';
import type * as ChallengeCommand from './challenge';
import type * as OversightCommand from './oversight';
import type * as RoundsCommand from './rounds';
import type * as TallyCommand from './tally';

export const commands: CommandModule = [
  { order: 50, declare: declareRounds },
  { order: 55, declare: declareApprovals },
  { order: 60, declare: declareActions },
];

function declareRounds(program: Command): void {
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
    .action(runs<RoundsCommand.RoundsInput>(() => (require('./rounds') as typeof RoundsCommand).rounds));

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
    .action(runs<RoundsCommand.PollInput>(() => (require('./rounds') as typeof RoundsCommand).poll));

  command(program, 'vote', 'Vote in a round, as the caller', [
    'formicary vote backup-window approve --reason "the nights are quiet" --principal ada-1',
    'formicary vote backup-window reject --reason "the restore test runs then" --confidence 0.6 --principal bo-2',
  ])
    .argument('<round>', 'an open round')
    .argument('<choice>', 'one of its choices')
    .requiredOption('-r, --reason <text>', 'why: dissent is told by name')
    .option('-c, --confidence <share>', '0 to 1', share, 0.8)
    .option('--final', 'where votes may be changed: this one will not be')
    .action(runs<RoundsCommand.VoteInput>(() => (require('./rounds') as typeof RoundsCommand).vote));

  command(program, 'tally', 'Count a closed round again, on this machine, from its receipts alone', [
    'formicary tally backup-window',
    'formicary tally backup-window --data ./colony  # without a host',
    'formicary tally backup-window --file receipts.ndjson.gz',
  ])
    .argument('<round>', 'a closed round')
    .option('-d, --data [folder]', 'from a data folder instead of a host')
    .option('-f, --file <file>', 'from an export, .gz or not; - is standard input')
    .addHelpText('after', EXIT_CODES)
    .action(runs<TallyCommand.TallyInput>(() => (require('./tally') as typeof TallyCommand).tally));
}

function declareApprovals(program: Command): void {
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
    .action(runs<ApprovalsCommand.ApprovalsInput>(() => (require('./approvals') as typeof ApprovalsCommand).approvals));

  command(
    program,
    'approval',
    'Show what a person needs to decide: who asks, why, what the agents say, and the action itself',
    ['formicary approval 4f0c…', 'formicary approval 4f0c… --json'],
  )
    .argument('<id>', 'an approval')
    .action(runs<{ id: string }>(() => (require('./approvals') as typeof ApprovalsCommand).approval));

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
    .action(runs<ApprovalsCommand.DecideInput>(() => (require('./approvals') as typeof ApprovalsCommand).approve));

  command(program, 'reject', 'Reject an action', ['formicary reject 4f0c… --reason "not this year"'])
    .argument('<id>', 'an approval')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .option('--hash <hash>', 'refuse unless the action still has this hash, or one that begins so')
    .action(runs<ApprovalsCommand.DecideInput>(() => (require('./approvals') as typeof ApprovalsCommand).reject));

  command(program, 'ask-back', 'Ask the requester of an approval back; the time goes on meanwhile', [
    'formicary ask-back 4f0c… "Which budget is it from?"',
  ])
    .argument('<id>', 'an approval')
    .argument('<question>')
    .action(runs<{ id: string; question: string }>(() => (require('./approvals') as typeof ApprovalsCommand).askBack));
}

function declareActions(program: Command): void {
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
    .action(runs<ActionsCommand.ActionsInput>(() => (require('./actions') as typeof ActionsCommand).actions));

  command(program, 'veto', 'Stop an action in its veto window', [
    'formicary veto order-7 --reason "the supplier is on strike"',
  ])
    .argument('<id>', 'an action')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<{ id: string; reason: string }>(() => (require('./actions') as typeof ActionsCommand).veto));

  command(program, 'override', "Put a person's decision in place of what came of an action or a round", [
    'formicary override action order-7 refuse --reason "a mistake"  # what was done already is to be undone',
    'formicary override action order-8 allow --reason "I answer for it"',
    'formicary override round backup-window reject --reason "the auditors come"',
  ])
    .addArgument(new Argument('<what>').choices(['action', 'round']))
    .argument('<id>', 'of the action or the round')
    .argument('<instead>', 'refuse or allow the action; a choice of the round')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<ActionsCommand.OverrideInput>(() => (require('./actions') as typeof ActionsCommand).override));

  command(
    program,
    'challenge',
    'Doubt an award, an action, an outcome or a denial: agents without a part in it judge',
    ['formicary challenge default/task/inv-4711@1 --reason "it has not the tools" --principal recon-7'],
  )
    .argument('<receipt>', 'stream@index, as receipts show it')
    .requiredOption('-r, --reason <text>', 'what is wrong with it')
    .action(
      runs<{ receipt: string; reason: string }>(() => (require('./challenge') as typeof ChallengeCommand).challenge),
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
    .action(runs<OversightCommand.OversightInput>(() => (require('./oversight') as typeof OversightCommand).oversight));
}
