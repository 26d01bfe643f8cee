/** The commands of an agent, by hand. */
import type { Command } from 'commander';
import { collect, command, numberFrom, runs, whole } from './define';
import type * as WorkCommand from './market/work';

const work = () => require('./market/work') as typeof WorkCommand;

/** The options of a claim: who holds what. */
function claim(declared: Command): Command {
  return declared
    .option('-a, --agent <id>', 'whose work it is; the holder by default')
    .option('--award <n>', 'the award with this number; the one that stands by default', whole);
}

/** Declares them. */
export function declareWorker(program: Command): void {
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
    .action(runs<Parameters<typeof WorkCommand.complete>[1]>(() => work().complete));

  claim(
    command(program, 'fail', 'Say that a task could not be done', [
      'formicary fail inv-4711 --reason "the ledger is locked"',
      'formicary fail inv-4711 --reason "no such invoice" --final',
    ]),
  )
    .argument('<task>')
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
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
