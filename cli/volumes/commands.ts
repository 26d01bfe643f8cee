/** `formicary volume`: files that a service keeps, their checkpoints, copies elsewhere, and what they cost. */
import { type Command, Option } from 'commander';
import {
  MAX_GIBIBYTES,
  MAX_TIERING_DAYS,
  MIN_GIBIBYTES,
  MIN_TIERING_DAYS,
  SERVICE_LEVELS,
  TIERING_DAYS,
} from '../../domain/volumes/volume';
import { command, type CommandModule, numberFrom, runs, seconds } from '../define';
import type * as VolumeCommands from './volumes';

const load = () => require('./volumes') as typeof VolumeCommands;
const AT = 'POOL/VOLUME';

const HELP = `
Volumes on Azure NetApp Files, where the host is configured for it (docs/volumes.md). A volume holds what all tenants
have stored, so people of the tenant \`platform\` alone look after it. What takes the service its time is waited for; a
command that was ended meanwhile goes on where it was when it is given again.`;

/** A command about one volume, which is waited for. */
function about(parent: Command, name: string, says: string, examples: readonly string[]): Command {
  return command(parent, name, says, examples)
    .argument('<at>', AT)
    .requiredOption('-r, --reason <text>', 'why; it stands on the receipt')
    .option('-w, --wait <seconds>', 'how long it is waited for', seconds, 1_800);
}

export const commands: CommandModule = [
  {
    order: 79,
    declare(program) {
      const volume = command(program, 'volume', 'Checkpoint, restore, copy and move volumes of files', [
        'formicary --tenant platform volume list',
        'formicary --tenant platform volume snapshot payloads/payloads --reason "before the upgrade"',
      ]).addHelpText('after', HELP);

      command(volume, 'list', 'The volumes that there are, with how their copies fare', [
        'formicary --tenant platform volume list',
      ]).action(runs<object>(() => load().list));

      command(volume, 'snapshots', 'The snapshots of a volume', [
        'formicary --tenant platform volume snapshots payloads/payloads',
      ])
        .argument('<at>', AT)
        .action(runs<VolumeCommands.AtInput>(() => load().snapshots));

      about(volume, 'make', 'Make a volume, and its pool where there is none: that costs from then on', [
        'formicary --tenant platform volume make memory-pool/episodic-memory --level Ultra --gibibytes 100 --reason "memories"',
      ])
        .addOption(new Option('--level <level>', 'of the pool').choices(SERVICE_LEVELS).makeOptionMandatory())
        .requiredOption('--gibibytes <n>', 'its size', numberFrom(MIN_GIBIBYTES, MAX_GIBIBYTES, true))
        .action(runs<VolumeCommands.MakeInput>(() => load().make));

      about(volume, 'snapshot', 'Take a snapshot as a checkpoint', [
        'formicary --tenant platform volume snapshot payloads/payloads --reason "before the upgrade"',
        'formicary --tenant platform volume snapshot memory-pool/episodic-memory --agent recon-7 --reason "it sleeps"',
      ])
        .option('--name <name>', 'what it is called; after the agent and the time without')
        .option('--agent <id>', 'whose checkpoint it is')
        .action(runs<VolumeCommands.SnapshotInput>(() => load().snapshot));

      about(volume, 'restore', 'Make a volume of a snapshot, under another name', [
        'formicary --tenant platform volume restore payloads/payloads --snapshot before-the-upgrade --into payloads-2 --reason "a drill"',
      ])
        .requiredOption('--snapshot <name>', 'one that `volume snapshots` lists')
        .requiredOption('--into <volume>', 'the name of the new one, in the same pool')
        .action(runs<VolumeCommands.RestoreInput>(() => load().restore));

      about(volume, 'move', 'Move a volume to a pool of another level, with everything in it', [
        'formicary --tenant platform volume move memory-pool/episodic-memory --to cold --reason "nobody reads it"',
      ])
        .requiredOption('--to <pool>', 'the other pool')
        .action(runs<VolumeCommands.MoveInput>(() => load().move));

      about(volume, 'tier', 'Have what nobody has asked for in so many days cost less', [
        'formicary --tenant platform volume tier memory-pool/episodic-memory --reason "as agreed"',
      ])
        .option('--after <days>', 'without access', numberFrom(MIN_TIERING_DAYS, MAX_TIERING_DAYS, true), TIERING_DAYS)
        .action(runs<VolumeCommands.TierInput>(() => load().tier));

      about(volume, 'replicate', 'Keep a copy in another region, which follows every ten minutes', [
        'formicary --tenant platform volume replicate memory-pool/episodic-memory --to copies --reason "as agreed"',
      ])
        .requiredOption('--to <pool>', 'a pool of the account there')
        .action(runs<VolumeCommands.MoveInput>(() => load().replicate));
    },
  },
];
