/** The commands of agent types and tools. */
import type { Command } from 'commander';
import { command, type CommandModule, runs, whole } from '../define';
import type * as ToolsCommand from './tools';
import type * as TypesCommand from './types';

export const commands: CommandModule = [
  { order: 30, declare, asOf: { tool: (client, id, asOf) => client.tools.get(id, { asOf }) } },
];

function declare(program: Command): void {
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
    .action(runs<TypesCommand.TypesInput>(() => (require('./types') as typeof TypesCommand).types));

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
    .action(runs<ToolsCommand.ToolsInput>(() => (require('./tools') as typeof ToolsCommand).tools));
}
