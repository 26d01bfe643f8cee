/** The commands of work, and of those who do it. */
import { type Command, Option } from 'commander';
import { AGENT_STATUSES, TASK_STATUSES } from '../../domain/market/statuses';
import { collect, command, type CommandModule, microUsd, numberFrom, runs, seconds, share, whole } from '../define';
import type * as AgentsCommand from './agents';
import type * as PostCommand from './post';
import type * as RemoteCommand from './remote';
import type * as TasksCommand from './tasks';
import type * as WorkCommand from './work';

const work = () => require('./work') as typeof WorkCommand;

export const commands: CommandModule = [
  {
    order: 20,
    declare: declareTasks,
    asOf: {
      task: (client, id, asOf) => client.tasks.get(id, { asOf }),
      agent: (client, id, asOf) => client.agents.get(id, { asOf }),
    },
  },
  { order: 80, declare: declareWork },
];

/** Work, and who could do it. */
function declareTasks(program: Command): void {
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
    .option('--estimated-cost <usd>', 'in US dollars; by default the effort at the price of whoever does it', microUsd)
    .option('--parent <task>', 'the task that it is a part of, and is charged to')
    .option('--after <task>', 'a task that it comes after (several times): it is held until that is completed', collect)
    .option('--any', 'of those that it comes after, one is enough')
    .option('--not-before <time>', 'it is offered to nobody before: a time, or a span from now')
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
    .action(runs<PostCommand.PostInput>(() => (require('./post') as typeof PostCommand).post));

  command(program, 'tasks', 'List tasks, or show one', [
    'formicary tasks --status open',
    'formicary tasks --stuck 300  # open for five minutes, the longest first, and why',
    'formicary tasks --agent recon-7 --limit 20',
    'formicary tasks inv-4711  # everything about one',
  ])
    .argument('[id]', 'a task')
    .addOption(new Option('-s, --status <status>').choices(TASK_STATUSES))
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
    .action(runs<TasksCommand.TasksInput>(() => (require('./tasks') as typeof TasksCommand).tasks));

  command(program, 'candidates', 'Show who could do a task, and what is in the way of each', [
    'formicary candidates inv-4711',
  ])
    .argument('<task>', 'a task')
    .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
    .option('--all', 'every one')
    .action(runs<TasksCommand.CandidatesInput>(() => (require('./tasks') as typeof TasksCommand).candidates));

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
    .action(runs<AgentsCommand.AgentsInput>(() => (require('./agents') as typeof AgentsCommand).agents));
}

/** The options of a claim: who holds what. */
function claim(declared: Command): Command {
  return declared
    .option('-a, --agent <id>', 'whose work it is; the holder by default')
    .option('--award <n>', 'the award with this number; the one that stands by default', whole);
}

/** What an agent does, by hand. */
function declareWork(program: Command): void {
  command(program, 'register', 'Register an agent', [
    'formicary register --id recon-7 --type finance.reconciliation',
    'formicary register --id recon-8 --type finance.reconciliation --capability english=0.8 --capacity 4',
  ])
    .requiredOption('-t, --type <agent_type>', 'what it is; it gets the tasks of this type')
    .option('--id <id>', 'your own id; a new one is made without')
    .option('-p, --pool <pool>')
    .option('-c, --capability <name[=level]>', 'what else it can do, and how well, 0 to 1 (several times)', collect)
    .option('--capacity <n>', 'tasks that it holds at once; 1 by default', whole)
    .option('--location <place>')
    .option(
      '--presence-seconds <seconds>',
      'lost after so long without a sign of life; 60 by default',
      numberFrom(1, Infinity),
    )
    .action(runs<WorkCommand.RegisterInput>(() => work().register));

  command(program, 'remote', 'Have an agent elsewhere, which speaks A2A, do tasks for as long as this runs', [
    'formicary remote books-1 https://books.example.com --type finance.reconciliation',
    'FORMICARY_A2A_TOKEN=… formicary remote books-1 https://books.example.com/agent-card.json -t finance.audit --capacity 4',
  ])
    .argument('<agent>', 'what it is called here')
    .argument('<url>', 'its host, or its card')
    .requiredOption('-t, --type <agent_type>', 'what it is here; it gets the tasks of this type')
    .option('--capacity <n>', 'tasks that it has at once; 1 by default', whole)
    .option('--timeout <seconds>', 'a task has failed without an end by then; an hour by default', seconds)
    .option('--card-keys <file>', 'a JWK or a JWK Set: one of these keys has to have signed its card')
    .action(runs<RemoteCommand.RemoteInput>(() => (require('./remote') as typeof RemoteCommand).remote));

  command(program, 'deregister', 'Take an agent off; its tasks go to others', [
    'formicary deregister recon-7 --reason "replaced"',
  ])
    .argument('<agent>')
    .option('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<Parameters<typeof WorkCommand.deregister>[1]>(() => work().deregister));

  command(program, 'inbox', 'Show what waits for an agent; asking is a sign of life', [
    'formicary inbox recon-7',
    'formicary inbox recon-7 --wait 30',
  ])
    .argument('<agent>')
    .option('-w, --wait <seconds>', 'for something to come, at most 30', numberFrom(0, 30))
    .action(runs<Parameters<typeof WorkCommand.inbox>[1]>(() => work().inbox));

  claim(command(program, 'accept', 'Accept an award: the lease starts', ['formicary accept inv-4711']))
    .argument('<task>')
    .action(runs<WorkCommand.ClaimInput>(() => work().accept));

  claim(
    command(program, 'complete', 'Complete a task', [
      'formicary complete inv-4711',
      `formicary complete inv-4711 --result '{"matched":12}'`,
    ]),
  )
    .argument('<task>')
    .option('--result <json>', 'what came of it; @FILE reads a file')
    .option('--cost <usd>', 'what it has cost, in US dollars', microUsd)
    .action(runs<Parameters<typeof WorkCommand.complete>[1]>(() => work().complete));

  claim(
    command(program, 'fail', 'Say that a task could not be done', [
      'formicary fail inv-4711 --reason "the ledger is locked"',
      'formicary fail inv-4711 --reason "no such invoice" --final',
    ]),
  )
    .argument('<task>')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .option('--cost <usd>', 'what it has cost, in US dollars', microUsd)
    .option('--final', 'nobody need try again: it becomes a dead letter')
    .action(runs<Parameters<typeof WorkCommand.fail>[1]>(() => work().fail));

  claim(
    command(program, 'release', 'Give a task back for another attempt', [
      'formicary release inv-4711 --reason "on the way out"',
    ]),
  )
    .argument('<task>')
    .option('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<Parameters<typeof WorkCommand.release>[1]>(() => work().release));

  claim(
    command(program, 'handoff', 'Hand a running task to another agent', [
      'formicary handoff inv-4711 recon-8 --note "the second half is left"',
    ]),
  )
    .argument('<task>')
    .argument('<to>', 'an agent with a free slot')
    .option('--note <text>')
    .action(runs<Parameters<typeof WorkCommand.handOff>[1]>(() => work().handOff));
}
