/** `formicary stop`, `stops`, `lift`: what halts at once, until somebody lifts it. */
import { Argument } from 'commander';
import { STOPPABLE } from '../../domain/stops/stop';
import { command, type CommandModule, runs } from '../define';
import type * as StopCommands from './stops';

const load = () => require('./stops') as typeof StopCommands;

const kind = () => new Argument('<kind>', 'what it is; `global` is everything').choices(STOPPABLE);

const STOP_HELP = `
What it does:
  Whatever is stopped does nothing any more: every command is refused, above every policy, in all processes within a
  second. That holds for what is running, scheduled or queued too. Reading goes on, and so does lifting.

  agent, agent_type   What they work on goes to others at once; what they still send is refused. A service is stopped as
                      \`agent service:NAME\`, which leaves an agent called NAME alone. People's tokens are revoked.
  task                Nobody gets it. Whoever holds it keeps it, can't finish it, and has its time back afterwards.
  tenant, global      Everything waits: awards, deadlines, deliveries. Nobody is judged by the time that passes.
  tool, model         Actions that name it are neither proposed nor taken.

  --quarantine is for what is suspected: only a person lifts it, and nobody their own. What was done already stays done.
  The tenant \`platform\` stops other tenants, and everything: formicary --tenant platform stop global all --reason …
  In doubt stop more, and look afterwards: lifting costs nothing, and nothing that waits is lost.`;

export const commands: CommandModule = [
  {
    order: 75,
    declare(program) {
      command(
        program,
        'stop',
        'Stop an agent, a type of agent, a task, a tool, a model, a tenant or everything, at once',
        [
          'formicary stop agent recon-7 --reason "it pays invoices twice"',
          'formicary stop agent service:crm --reason "it was taken over"',
          'formicary stop agent_type finance.reconciliation --quarantine --reason "its prompt was tampered with"',
          'formicary stop tenant default --reason "the ERP was breached"',
          'formicary --tenant platform stop global all --reason "the model provider was breached"',
        ],
      )
        .addArgument(kind())
        .argument('<name>', 'its name or id; `all` for global')
        .requiredOption('-r, --reason <text>', 'why; it stands on the receipt, and is told to all who are refused')
        .option('-q, --quarantine', 'lifted by a person only, and never by whoever it is about')
        .addHelpText('after', STOP_HELP)
        .action(runs<StopCommands.StopInput>(() => load().stop));

      command(program, 'stops', 'Show what is stopped, since when, by whom and why', ['formicary stops']).action(
        runs<object>(() => load().stops),
      );

      command(program, 'lift', 'Lift a stop; what waited goes on', [
        'formicary lift agent recon-7 --reason "the prompt was corrected"',
        'formicary --tenant platform lift global all --reason "all keys are new"  # twice, by two people within an hour',
      ])
        .addArgument(kind())
        .argument('<name>', 'its name or id; `all` for global')
        .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
        .action(runs<StopCommands.LiftInput>(() => load().lift));
    },
  },
];
