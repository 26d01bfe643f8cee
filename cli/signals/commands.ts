/** The commands of signals and their trails. */
import type { Command } from 'commander';
import { command, type CommandModule, type ReadAsOf, runs, share, whole } from '../define';
import { UsageError } from '../terminal';
import type * as SignalsCommand from './signals';

const trail: ReadAsOf = (client, id, asOf) => {
  const slash = id.indexOf('/');
  if (slash < 1)
    throw new UsageError(`"${id}" names no trail`, 'Give TYPE/LOCATION, for example resource_needed/warehouse/eu.');
  return client.signals.trail(id.slice(0, slash), id.slice(slash + 1), { asOf });
};

export const commands: CommandModule = [
  // After tasks and agents, before tools.
  { order: 25, asOf: { trail } },
  { order: 40, declare },
];

function declare(program: Command): void {
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
      runs<Parameters<typeof SignalsCommand.field>[1]>(() => (require('./signals') as typeof SignalsCommand).field),
    );

  command(signals, 'emit', 'Emit a signal', ['formicary signals emit threat_detected plant/line-2 0.9 --decay 0.02'])
    .argument('<type>', 'for example resource_needed')
    .argument('<location>', 'for example warehouse/eu/dock-3')
    .argument('<strength>', '0 to 1', share)
    .option('--decay <share>', 'share of its strength that it loses in a minute; 0.1 by default', share)
    .option('--emitter <agent>', 'the caller by default')
    .action(runs<SignalsCommand.EmitInput>(() => (require('./signals') as typeof SignalsCommand).emit));
}
