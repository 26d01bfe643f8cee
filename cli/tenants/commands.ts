/** `formicary tenant`: who has data of its own here, how much it may have, and how it ends. */
import type { Command } from 'commander';
import { byteCount, command, type CommandModule, microUsd, numberFrom, runs } from '../define';
import type * as TenantCommands from './tenants';

const load = () => require('./tenants') as typeof TenantCommands;
const because = ['-r, --reason <text>', 'why; it stands on the receipt'] as const;
const NAME = 'lower-case letters, digits and hyphens';

const HELP = `
People of the tenant \`platform\` create, limit, close and erase tenants; others may show their own. Whether a tenant has to be created
before anybody acts in it says the host's setting FORMICARY_TENANT_ACCESS: open (no) or closed.
To freeze a tenant is a stop: formicary --tenant platform stop tenant contoso --reason …`;

const most = numberFrom(0, Number.MAX_SAFE_INTEGER, true);

/** How limits are read. */
interface Reading {
  readonly most: (text: string) => number | 'none';
  readonly spend: (text: string) => number | 'none';
  readonly bytes: (text: string) => number | 'none';
  /** What is said of each beside what it counts. */
  readonly also: string;
}
const GIVEN: Reading = { most, spend: microUsd, bytes: byteCount, also: '' };
const CHANGED: Reading = {
  most: orNone(most),
  spend: orNone(microUsd),
  bytes: orNone(byteCount),
  also: '; `none` takes the limit away',
};

function orNone(read: (text: string) => number): (text: string) => number | 'none' {
  return (text) => (text === 'none' ? text : read(text));
}

export const commands: CommandModule = [
  {
    order: 78,
    declare(program) {
      const tenant = command(program, 'tenant', 'Create, limit, show, close and erase tenants', [
        'formicary tenant show default',
        'formicary --tenant platform tenant list',
        'formicary --tenant platform tenant create contoso --agents 50 --reason "a new customer"',
      ]).addHelpText('after', HELP);

      command(tenant, 'list', 'The tenants that were created or limited, with their limits', [
        'formicary --tenant platform tenant list',
      ]).action(runs<object>(() => load().list));

      command(tenant, 'show', 'A tenant, its limits, and what it has of them', [
        'formicary --tenant platform tenant show contoso',
        'formicary tenant show default',
      ])
        .argument('<name>', NAME)
        .action(runs<TenantCommands.ShowInput>(() => load().show));

      limits(
        command(tenant, 'create', 'Create a tenant', [
          'formicary --tenant platform tenant create contoso --agents 50 --tasks 1000 --reason "a new customer"',
        ]).argument('<name>', NAME),
        GIVEN,
      )
        .requiredOption(...because)
        .action(runs<TenantCommands.LimitInput<number>>(() => load().create));

      limits(
        command(tenant, 'limit', 'Change limits of a tenant; those that are not named stay', [
          'formicary --tenant platform tenant limit contoso --agents 100 --reason "as agreed"',
          'formicary --tenant platform tenant limit contoso --tasks none --reason "as agreed"',
        ]).argument('<name>', NAME),
        CHANGED,
      )
        .requiredOption(...because)
        .action(runs<TenantCommands.LimitInput<number | 'none'>>(() => load().limit));

      ends(tenant, 'close', 'Close a tenant for good: two people do, within the hour').action(
        runs<TenantCommands.EndInput>(() => load().close),
      );

      ends(tenant, 'erase', 'Erase all people of a tenant that was closed, for good: two people do').action(
        runs<TenantCommands.EndInput>(() => load().erase),
      );
    },
  },
];

function ends(tenant: Command, name: string, says: string): Command {
  return command(tenant, name, says, [
    `formicary --tenant platform --principal human:ada tenant ${name} contoso --reason "the contract has ended"`,
    `formicary --tenant platform --principal human:bob tenant ${name} contoso --reason "seen, and agreed"`,
  ])
    .argument('<name>', NAME)
    .requiredOption(...because);
}

function limits(of: Command, { most: read, spend, bytes, also }: Reading): Command {
  return of
    .option('--agents <n>', `agents that are registered and not gone${also}`, read)
    .option('--tasks <n>', `tasks that are not over${also}`, read)
    .option('--signals <n>', `signals a minute, in each process${also}`, read)
    .option('--requests <n>', `requests a second, in each process${also}`, read)
    .option('--spend <usd>', `what its work may cost in a month, in US dollars${also}`, spend)
    .option('--storage <bytes>', `what is stored of it from then on, for example 10GB${also}`, bytes)
    .option('--approvals <n>', `approvals of one requester that wait at once${also}`, read);
}
