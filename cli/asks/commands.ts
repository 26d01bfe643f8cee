/** `formicary ask`: what is wanted, in words; shown as commands before it runs. */
import { Option } from 'commander';
import { command, type CommandModule, runs } from '../define';
import type * as AskCommand from './ask';

const HELP = `
What the words mean is shown as commands, which run one after the other, by your token and under policy as if typed.
What is risky asks first. What stands in quotes, and behind "because", is text and never read as words. Whoever changes
something says all of it: nothing is guessed. docs/ask.md lists what can be said.`;

export const commands: CommandModule = [
  {
    order: 21,
    declare(program) {
      command(program, 'ask', 'Say in words what you want to see or to have done', [
        'formicary ask how are the agents',
        'formicary ask "why is inv-4711 not done"',
        'formicary ask "post a task finance.reconciliation with id inv-9 by 17:00"',
        'formicary ask "stop agent recon-7 because it pays twice" --yes',
        'formicary ask "extract → validate → transform → load" --dry-run  # shows the commands alone',
      ])
        .argument('<words...>', 'what you want; in quotes, so that the shell leaves them alone')
        .option('-y, --yes', 'run what asks first without asking, unless a model has read the words')
        .addOption(new Option('--dry-run', 'show the commands, and run none').conflicts('yes'))
        .addOption(
          new Option(
            '--manner <traits>',
            'how it behaves: cautious=0.6 and others, with commas between them; docs/ask.md',
          ).env('FORMICARY_ASK_MANNER'),
        )
        .addHelpText('after', HELP)
        .action(runs<AskCommand.AskInput>(() => (require('./ask') as typeof AskCommand).ask(program)));
    },
  },
];
