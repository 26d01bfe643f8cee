/** The whole application in the local host, in this process: tests reach the colony, its log and the durable client. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as df from 'durable-functions';
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import type { Commit } from '../../domain/kernel/commit';
import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { instanceOf } from '../../functions/orchestrations/client';
import { runtime } from '../../functions/runtime';
import { type Registration, registrations } from '../../local/core';
import { type Host, startHost } from '../../local/host';
import { contextsOf, invoke } from '../../local/invoke';
import { eventually } from '../support/eventually';

const ROOT = path.resolve(__dirname, '../..');
export const TENANT = 'acme';
const FEATURES = { amount: 40 };

export const agent = (id: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' },
});
export const person = (id: string): RequestContext => ({
  principal: {
    tenant: TENANT,
    id: `human:${id}`,
    kind: 'human',
    level: 'critical',
    groups: ['approvers', 'administrators'],
  },
});

export class App {
  private constructor(
    private readonly host: Host,
    private readonly folder: string,
    readonly colony: Colony,
    private readonly timer: Registration,
    readonly client: df.DurableClient,
  ) {}

  static async start(): Promise<App> {
    const folder = mkdtempSync(path.join(tmpdir(), 'formicary-orchestrations-'));
    const data = path.join(folder, 'data');
    mkdirSync(data);
    Object.assign(process.env, { FORMICARY_DATA: data, FORMICARY_LOG: 'warn' });
    writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ main: path.join(path.relative(folder, ROOT), 'functions/{http/*,orchestrations,timers}/*.ts') }),
    );
    copyFileSync(path.join(ROOT, 'host.json'), path.join(folder, 'host.json'));
    const host = await startHost({ appDirectory: folder, port: 0, hostname: '127.0.0.1', data });
    const timer = registrations().find(({ name }) => name === 'orchestrations');
    if (timer === undefined) throw new Error('the timer that captures the client is not registered');
    const app = new App(host, folder, (await runtime()).colony, timer, df.getClient(contextsOf(timer)()));
    // It runs at the start too; after this run that one is over as well, and heals nothing that a test begins.
    await app.lookAfter();
    return app;
  }

  async stop(): Promise<void> {
    await this.host.close(1);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Opens a round of five voters, `voter-0` to `voter-4`. */
  async openRound(
    id: string,
    { seconds = 60, passes = 1 }: { seconds?: number; passes?: number } = {},
  ): Promise<string> {
    const outcome = await this.colony.rounds.open(agent('asker'), id, {
      question: 'Shall we?',
      kind: 'policy',
      impact: 'low',
      choices: ['approve', 'reject'],
      round_seconds: seconds,
      improvement_rounds: passes - 1,
      allow_change: false,
      electorate: {
        algorithm: 'simple_majority',
        voters: Array.from({ length: 5 }, (_, n) => ({ id: `voter-${n}`, why: 'asked by name' })),
        min_agreement: 0.75,
        quorum: 0.6,
      },
    });
    accepted(outcome);
    return `${TENANT}/round/${id}`;
  }

  async vote(round: string, voter: number, choice: string): Promise<void> {
    const { state } = await this.colony.rounds.load(TENANT, round);
    const id = `voter-${voter}`;
    accepted(
      await this.colony.rounds.vote(agent(id), round, {
        voter: id,
        choice,
        confidence: 1,
        reasoning: 'because',
        snapshot: state.electorate_hash,
        pass: state.pass,
      }),
    );
  }

  /** Proposes an action of a kind that nobody has configured or seen, under these rules; answers its stream. */
  async propose(id: string, rules: Partial<OversightRules>): Promise<string> {
    await this.configure(id, rules);
    return await this.proposal(id, id);
  }

  /** An action in a veto window of one second; answers its stream. */
  async openVetoWindow(id: string): Promise<string> {
    // What was never done before goes to people: so it is done once.
    const known = await this.propose(`${id}-before`, {});
    const { held, hash } = (await this.colony.actions.load(TENANT, `${id}-before`)).state;
    accepted(
      await this.colony.approvals.approve(person('ada'), idOf(held?.ref as string), { hash, reason: 'known now' }),
    );
    await eventually(async () => (await this.story(known)).includes('ActionCleared'));
    accepted(await this.colony.actions.execute(agent('buyer'), `${id}-before`, { hash }));
    await eventually(() => this.colony.actions.history.novelty(TENANT, `${id}-before`, FEATURES).known);
    await this.configure(`${id}-before`, { mode: 'human_on_the_loop', veto_seconds: 1 });
    return await this.proposal(id, `${id}-before`);
  }

  /** The approval that an action is held for. */
  async approvalOf(action: string): Promise<string> {
    const { state } = await this.colony.actions.load(TENANT, parseStream(action).id);
    return parseCommitRef(state.held?.ref as string)?.stream as string;
  }

  async commits(stream: string): Promise<Commit[]> {
    const found: Commit[] = [];
    for await (const commit of this.colony.transactor.commits(stream)) found.push(commit);
    return found;
  }

  /** What happened to a stream: the types of its events. */
  async story(stream: string): Promise<string[]> {
    return (await this.commits(stream)).flatMap(({ events }) => events.map(({ type }) => type));
  }

  /** Where the stream's orchestration stands; undefined when there is none. */
  async status(stream: string): Promise<string | undefined> {
    return await this.client.getStatus(instanceOf(stream)).then(
      ({ runtimeStatus }) => String(runtimeStatus),
      () => undefined,
    );
  }

  async underWay(stream: string): Promise<void> {
    await eventually(async () => (await this.status(stream)) === 'Running');
  }

  async ended(stream: string): Promise<void> {
    await eventually(async () => (await this.status(stream)) === 'Completed');
  }

  /** Runs the timer that looks after orchestrations, as it runs every five minutes. */
  async lookAfter(): Promise<void> {
    await invoke(this.timer, [{}], contextsOf(this.timer)());
  }

  /** As if it had never been. */
  async lose(stream: string): Promise<void> {
    await this.client.terminate(instanceOf(stream), 'lost');
    await this.client.purgeInstanceHistory(instanceOf(stream));
  }

  private async configure(kind: string, rules: Partial<OversightRules>): Promise<void> {
    const thresholds = { ...DEFAULT_RULES.thresholds, novelty: 1 };
    accepted(await this.colony.oversight.configure(person('root'), kind, { ...DEFAULT_RULES, thresholds, ...rules }));
  }

  private async proposal(id: string, kind: string): Promise<string> {
    accepted(
      await this.colony.actions.propose(agent('buyer'), id, {
        kind,
        action: { amount: 40 },
        why: 'stock is low',
        confidence: 1,
        impact: 'low',
        risk: 0,
        features: FEATURES,
      }),
    );
    return `${TENANT}/action/${id}`;
  }
}

const idOf = (ref: string): string => parseStream(parseCommitRef(ref)?.stream as string).id;

function accepted(
  outcome: { readonly ok: true } | { readonly ok: false; readonly rejection: Error | { message: string } },
): void {
  if (!outcome.ok) throw new Error(outcome.rejection.message);
}
