/** The commands of identity: who calls, who is given a token, whose are taken back, which have to be bound to a key. */
import { type Command, Option } from 'commander';
import { BINDING_LEVELS } from '../../domain/identity/access';
import { LEVELS } from '../../domain/kernel/principal';
import { command, type CommandModule, runs } from '../define';
import type * as TokensCommand from './tokens';

export const commands: CommandModule = [{ order: 105, declare: declareIdentity }];

const tokens = () => require('./tokens') as typeof TokensCommand;

function declareIdentity(program: Command): void {
  command(program, 'login', "Keep the owner's key of a host, so that later commands show it", [
    'formicary login  # asks for the key, which the first start has printed',
    'formicary --url https://colony.example.com login < key.txt',
    'formicary login --show  # prints the key that is used here, for the window in a browser',
  ])
    .option('--show', "print the owner's key that is used here, and keep nothing")
    .action(runs<TokensCommand.LoginInput>(() => tokens().login));

  command(program, 'logout', 'Forget the key of a host', ['formicary logout']).action(runs(() => tokens().logout));

  command(program, 'whoami', 'Who calls, and what that lets them do', [
    'formicary whoami',
    'formicary --principal human:ada whoami --json',
  ]).action(runs(() => tokens().whoami));

  command(program, 'token', 'Give an agent or a service a token', [
    'formicary token recon-7',
    'formicary token recon-7 --level read_write --type finance.reconciler',
    'FORMICARY_TOKEN=$(formicary token recon-7) my-agent',
    'formicary token recon-7 --bound-to nxqxgdLDLrQ…  # the thumbprint that formicary dpop-key has printed',
  ])
    .argument('<subject>', 'an agent, or service:NAME')
    .addOption(new Option('--level <level>', 'what it may do; execute for an agent').choices(LEVELS))
    .option('--type <type>', 'of an agent: its type in the repository')
    .option('--bound-to <thumbprint>', 'the key without which the token is worth nothing (DPoP)')
    .action(runs<TokensCommand.TokenInput>(() => tokens().token));

  command(program, 'revoke', 'Take tokens back, from now on and for good', [
    'formicary revoke recon-7 --reason "its key may have leaked"',
    'formicary revoke --session 0190f3c2-… --reason lost',
    'formicary revoke --all --reason "everybody signs in again"',
    'formicary revoke  # shows whose are revoked',
  ])
    .argument('[principal]', 'all tokens of this agent, person or service')
    .option('--session <session>', 'one token, and those that it is renewed to')
    .option('--all', 'every token of the tenant')
    .option('--reason <text>', 'why')
    .action(runs<TokensCommand.RevokeInput>(() => tokens().revoke));

  command(program, 'dpop-key', 'Make a key to which tokens can be bound, and print its thumbprint', [
    'formicary dpop-key recon-7.jwk',
    'FORMICARY_DPOP_KEY=recon-7.jwk FORMICARY_TOKEN=… formicary whoami',
  ])
    .argument('<file>', 'where it is kept; only its user reads it')
    .action(runs<TokensCommand.KeyInput>(() => tokens().dpopKey));

  command(program, 'dpop', 'From which level on tokens have to be bound to a key', [
    'formicary dpop',
    'formicary dpop --require-from execute --reason "tokens were found in a log"',
    'formicary dpop --require-from nothing --reason "all agents have to be started anew first"',
  ])
    .addOption(
      new Option('--require-from <level>', 'demand it from this level on').choices([...BINDING_LEVELS, 'nothing']),
    )
    .option('--reason <text>', 'why')
    .action(runs<TokensCommand.DpopInput>(() => tokens().dpop));
}
