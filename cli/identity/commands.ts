/** The commands of identity: who calls, who is given a token, whose are taken back. */
import { type Command, Option } from 'commander';
import { LEVELS } from '../../domain/kernel/principal';
import { command, type CommandModule, runs } from '../define';
import type * as TokensCommand from './tokens';

export const commands: CommandModule = [{ order: 105, declare: declareIdentity }];

const tokens = () => require('./tokens') as typeof TokensCommand;

function declareIdentity(program: Command): void {
  command(program, 'login', "Keep the owner's key of a host, so that later commands show it", [
    'formicary login  # asks for the key, which the first start has printed',
    'formicary --url https://colony.example.com login < key.txt',
  ]).action(runs(() => tokens().login));

  command(program, 'logout', 'Forget the key of a host', ['formicary logout']).action(runs(() => tokens().logout));

  command(program, 'whoami', 'Who calls, and what that lets them do', [
    'formicary whoami',
    'formicary --principal human:ada whoami --json',
  ]).action(runs(() => tokens().whoami));

  command(program, 'token', 'Give an agent or a service a token', [
    'formicary token recon-7',
    'formicary token recon-7 --level read_write --type finance.reconciler',
    'FORMICARY_TOKEN=$(formicary token recon-7) my-agent',
  ])
    .argument('<subject>', 'an agent, or service:NAME')
    .addOption(new Option('--level <level>', 'what it may do; execute for an agent').choices(LEVELS))
    .option('--type <type>', 'of an agent: its type in the repository')
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
}
