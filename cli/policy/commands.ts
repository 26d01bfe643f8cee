/** `formicary policy`: which rules judge every command, how others come into force, and what they would change. */
import { Option } from 'commander';
import { command, type CommandModule, runs, whole } from '../define';
import type * as ForkCommand from './fork';
import type * as PastCommands from './past';
import type * as RolloutCommands from './rollout';

const rollout = () => require('./rollout') as typeof RolloutCommands;
const past = () => require('./past') as typeof PastCommands;

const HELP = `
How a bundle comes into force:
  stage      One person stages it: it is loaded, looked at and kept. Nothing is judged by it.
  shadow     It is asked what the one in force is asked, and decides nothing; \`policy shadow\` shows what it would change.
  diff       What it would have said of the last commands, from their receipts.
  activate   A second person brings it into force, in all processes within a second.
  rollback   Goes back to the one before it: one person is enough.

  A bundle is a folder with policy.wasm, data.json and manifest.json, and is called by the hash of its manifest; the
  first characters are enough. It judges all tenants, so people of the tenant \`platform\` decide on it.`;

const FORK_HELP = `
It reads the receipts of one tenant, in memory: nothing is done, written or sent.
  GONE       refused, or set in motion by what would not have happened
  NOT KNOWN  decided on a state that would have been another one: it may have come out the same
  ADDED      would have come in addition
What would have happened instead is not in the log, and is not made up: docs/policy-rollout.md says what a fork claims.`;

const WHY = 'why; it stands on the receipt';
const NAME = 'its name, or the first characters of it';

export const commands: CommandModule = [
  {
    order: 77,
    declare(program) {
      const policy = command(program, 'policy', 'Show which rules judge every command; roll out others', [
        'formicary policy',
        'formicary --tenant platform policy stage ./bundle --reason "lower limits for payments"',
        'formicary --tenant platform policy shadow 5f3a09 --reason "a day beside the one in force"',
        'formicary --tenant platform policy diff 5f3a09',
        'formicary --tenant platform policy activate 5f3a09 --reason "nothing unexpected"  # somebody else',
        'formicary policy explain default/task/inv-4711@2',
        'formicary policy diff ./bundle --data ./colony  # without a host',
      ])
        .addHelpText('after', HELP)
        .action(runs<object>(() => rollout().show));

      command(policy, 'list', 'The bundles that are in force, staged, in the shadow, or can be gone back to', [
        'formicary --tenant platform policy list',
      ]).action(runs<object>(() => rollout().list));

      command(policy, 'stage', 'Stage a bundle', [
        'formicary --tenant platform policy stage ./bundle --reason "lower limits for payments"',
      ])
        .argument('<folder>', 'with policy.wasm, data.json and manifest.json')
        .requiredOption('-r, --reason <text>', WHY)
        .action(runs<RolloutCommands.StageInput>(() => rollout().stage));

      command(policy, 'withdraw', 'Take a staged bundle back', [
        'formicary --tenant platform policy withdraw 5f3a09 --reason "a slip"',
      ])
        .argument('<bundle>', NAME)
        .requiredOption('-r, --reason <text>', WHY)
        .action(runs<RolloutCommands.BundleInput>(() => rollout().withdraw));

      command(policy, 'shadow', 'Show what the bundle in the shadow would say otherwise; or put one there', [
        'formicary --tenant platform policy shadow',
        'formicary --tenant platform policy shadow 5f3a09 --reason "a day beside the one in force"',
      ])
        .argument('[bundle]', NAME)
        .option('-r, --reason <text>', WHY)
        .action(runs<RolloutCommands.ShadowInput>(() => rollout().shadow));

      command(policy, 'activate', 'Bring a staged bundle into force, as the second person', [
        'formicary --tenant platform policy activate 5f3a09 --reason "nothing unexpected in a day"',
        'formicary --tenant platform policy activate 5f3a09 --urgent --reason "payments were open to all"',
      ])
        .argument('<bundle>', NAME)
        .requiredOption('-r, --reason <text>', WHY)
        .option('--urgent', 'though it never stood in the shadow; that stands on the receipt too')
        .action(runs<RolloutCommands.ActivateInput>(() => rollout().activate));

      command(policy, 'rollback', 'Go back from the bundle in force to the one before it', [
        'formicary --tenant platform policy rollback 5f3a09 --reason "it refused the night run"',
      ])
        .argument('<bundle>', 'the one in force: its name, or the first characters of it')
        .requiredOption('-r, --reason <text>', WHY)
        .action(runs<RolloutCommands.BundleInput>(() => rollout().rollBack));

      command(policy, 'diff', 'Show what a bundle would have said otherwise of the last commands', [
        'formicary --tenant platform policy diff 5f3a09',
        'formicary --tenant platform policy diff 5f3a09 --last 50000 --json',
        'formicary policy diff ./bundle --data ./colony  # without a host, and before it is staged',
      ])
        .argument('<new>', 'a bundle that was staged; with --data also a folder with its files')
        .option('-n, --last <n>', 'how many receipts, the last ones', whole, 10_000)
        .option('-d, --data [folder]', 'from a data folder instead of a host: of all tenants, or of --tenant')
        .action(runs<PastCommands.DiffInput>(() => past().diff));

      command(policy, 'explain', 'Make the decision behind a receipt again, by the bundle that it names', [
        'formicary policy explain default/task/inv-4711@2',
        'formicary policy explain default/task/inv-4711@2 --data ./colony  # without a host',
      ])
        .argument('<receipt>', 'stream@index')
        .option('-d, --data [folder]', 'from a data folder instead of a host')
        .addHelpText('after', '\nEnds with 1 when the bundle does not say what stands on the receipt.')
        .action(runs<PastCommands.ExplainInput>(() => past().explain));

      command(
        program,
        'fork',
        'Show what would have been otherwise, had one thing been: a policy, a vote, a weight, an approval',
        [
          'formicary fork --policy ./bundle --from 7d',
          'formicary fork --vote default/round/prices@3=reject --from 2026-11-21',
          'formicary fork --weight default/round/prices/ann=0.5 --from 1d --data ./colony',
          'formicary fork --approval default/approval/refund-4711@5=reject --from 1d --json',
        ],
      )
        .requiredOption('--from <time>', 'from when on: a time, or a span ago: 90s, 15m, 2h, 1d')
        .addOption(new Option('--policy <new>', 'a folder with a bundle; with --data also the whole name of one'))
        .addOption(new Option('--vote <receipt=choice>', 'the receipt of a vote, and what it would have chosen'))
        .addOption(new Option('--weight <round/voter=weight>', 'a voter of a round, and the weight it would have had'))
        .addOption(new Option('--approval <receipt=answer>', "the receipt of an approver's answer: approve or reject"))
        .option('-d, --data [folder]', 'from a data folder instead of a host')
        .addHelpText('after', FORK_HELP)
        .action(runs<ForkCommand.ForkInput>(() => (require('./fork') as typeof ForkCommand).fork));
    },
  },
];
