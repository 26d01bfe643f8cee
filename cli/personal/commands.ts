/** `formicary erase`, `formicary personal`: people that data is about. */
import { Argument } from 'commander';
import { command, type CommandModule, runs, whole } from '../define';
import type * as PersonalCommands from './personal';

const load = () => require('./personal') as typeof PersonalCommands;

const HELP = `
A value in a payload, a result or an action is marked as about a person: {"$personal": {"subject": "customer-17",
"value": "Ada Byron"}}. It is stored sealed, with a key of that person alone. The subject is a pseudonym of yours.`;

export const commands: CommandModule = [
  {
    order: 115,
    declare(program) {
      command(program, 'erase', 'Erase a person: nobody can open what was marked as about them any more', [
        'formicary erase customer-17 --reason "asked for on 2026-11-20, ticket 812"',
      ])
        .argument('<subject>', 'the name under which their data was marked')
        .requiredOption('-r, --reason <text>', 'why; it stands on the receipt, which stays')
        .action(runs<PersonalCommands.EraseInput>(() => load().erase));

      const personal = command(program, 'personal', 'Read personal data, and see who has; list who was erased', [
        'formicary personal show customer-17',
        'formicary personal read task inv-4711 --purpose "a complaint, ticket 815"',
        'formicary personal erasures --all --json > erasures.json  # to be kept apart from backups',
      ]).addHelpText('after', HELP);

      command(personal, 'show', 'Show who has read the data of a person, and whether it was erased', [
        'formicary personal show customer-17',
      ])
        .argument('<subject>', 'the name under which their data is marked')
        .action(runs<PersonalCommands.ShowInput>(() => load().show));

      command(personal, 'read', 'Show something with the personal data in it; that leaves a receipt', [
        'formicary personal read task inv-4711 --purpose "a complaint, ticket 815"',
      ])
        .addArgument(new Argument('<kind>').choices(['task', 'action', 'approval']))
        .argument('<id>', 'its id')
        .option('-p, --purpose <text>', 'what for; only an agent that works on the task needs none')
        .action(runs<PersonalCommands.ReadInput>(() => load().read));

      command(personal, 'erasures', 'List who was erased', ['formicary personal erasures --all'])
        .option('-n, --limit <n>', 'at most so many; 50 by default, and with --json all', whole)
        .option('--all', 'all of them')
        .action(runs<PersonalCommands.ErasuresInput>(() => load().erasures));
    },
  },
];
