/** The commands of agent types and tools. */
import type { Command } from 'commander';
import { command, type CommandModule, runs, whole } from '../define';
import type * as ToolCallsCommand from './tool-calls';
import type * as ToolsCommand from './tools';
import type * as TypesCommand from './types';

const toolCalls = () => require('./tool-calls') as typeof ToolCallsCommand;

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

  const tools = command(program, 'tools', 'Find tools, and call those of servers of MCP', [
    'formicary tools invoice',
    'formicary tools --api Salesforce --operation query_leads',
    'formicary tools --show crm-leads',
    `formicary tools call ledger '{"account":"DE02"}'`,
  ])
    .argument('[words...]', 'words that its name, description or tags hold')
    .option('--show <tool>', 'everything about one')
    .option('--api <name>')
    .option('--operation <name>')
    .option('--deprecated', 'also those that should not be used any more')
    .option('-n, --limit <n>', 'at most so many', whole)
    .action(runs<ToolsCommand.ToolsInput>(() => (require('./tools') as typeof ToolsCommand).tools));

  command(tools, 'register', 'Register a tool, or a higher version of it, from a file', [
    'formicary tools register ledger ledger.json',
  ])
    .argument('<tool>')
    .argument('<file>', 'the tool as JSON; - is standard input')
    .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer')
    .action(runs<ToolCallsCommand.RegisterInput>(() => toolCalls().register));

  command(tools, 'call', 'Call a tool of a server of MCP, and print what it answers', [
    `formicary tools call ledger '{"account":"DE02"}'`,
    'formicary tools call ledger @arguments.json --key close-2026-11',
  ])
    .argument('<tool>')
    .argument('[arguments]', 'a JSON object, or @ and a file that holds one; none without')
    .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer, and calls nothing')
    .action(runs<ToolCallsCommand.CallInput>(() => toolCalls().call));

  command(tools, 'pin', 'Accept what a server of MCP says of its tool; without a version and a hash, show it', [
    'formicary tools pin ledger',
    'formicary tools pin ledger 1.0.0 5f1c0e…',
  ])
    .argument('<tool>')
    .argument('[version]', 'that was shown')
    .argument('[hash]', 'of what was shown')
    .action(runs<ToolCallsCommand.PinInput>(() => toolCalls().pin));
}
