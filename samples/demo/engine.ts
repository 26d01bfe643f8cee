/**
 * What the host of a demo or a crash test keeps its store in: a folder, or the services of the profile azure. These are
 * our own protocol servers and Azurite, on this machine, in a process that outlives the host; they are not Azure.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Sdk from '@azure/cosmos';
import { CONTAINERS } from '../../adapters/azure/cosmos';
import { acquireLock } from '../../adapters/embedded/folder';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { readLog, writeExport } from './log';

/** The SDK is large: it is loaded when it is needed. */
const load = createRequire(__filename);

export const PROFILES = ['embedded', 'azure-local'] as const;
export type Profile = (typeof PROFILES)[number];

export interface Engine {
  /** What the host's environment has to say of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The export that `log` leaves in the host's folder, where the store itself is gone with the engine. */
  readonly exported: string | undefined;
  /**
   * True when the triggers that read the feed have handled all of it; also where the host reads it itself, and says in
   * its status how far it is.
   */
  isHandled(): Promise<boolean>;
  /** Every commit, in the order in which they were made durable. No host writes meanwhile. */
  log(): Promise<Iterable<LogLine>>;
  /** Ends what was started for it. */
  stop(): void;
}

/** @param data the folder of the host; it is there, and nobody else uses it */
export async function openEngine(profile: Profile, data: string): Promise<Engine> {
  return profile === 'embedded'
    ? {
        environment: {},
        exported: undefined,
        isHandled: async () => true,
        log: async () => readLog(data),
        stop: () => undefined,
      }
    : await startServers(data);
}

const EXPORT_FILE = 'log.jsonl.gz';
/** Compiled by `npm run build:servers`: they are tests' tools, and no part of the package. */
const SERVERS = join(__dirname, '../../test/servers/main.js');

async function startServers(data: string): Promise<Engine> {
  const lock = acquireLock(data); // here no store in the folder is locked by its host
  const child = fork(SERVERS, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const stop = () => {
    child.kill();
    lock.close();
  };
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (typeof said !== 'object' || said === null) {
    stop();
    throw new Error('the servers of the profile azure did not start');
  }
  const environment = said as Settings;
  const exported = join(data, EXPORT_FILE);
  return {
    environment,
    exported,
    isHandled: () => isHandled(environment),
    async log() {
      const commits = await readEvents(environment);
      await writeExport(exported, commits);
      return commits;
    },
    stop,
  };
}

/** A document of the container `events`: a commit, or a text that was too long to stand in its commit. */
interface EventDocument {
  readonly id: string;
  readonly kind: string;
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body?: string;
  readonly text?: string;
}

/** Commits that are read at once. */
const PAGE = 1_000;

type Settings = Readonly<Record<string, string>>;

function databaseOf(settings: Settings): Sdk.Database {
  const { CosmosClient } = load('@azure/cosmos') as typeof Sdk;
  return new CosmosClient({
    endpoint: settings['FORMICARY_COSMOS__accountEndpoint'],
    key: settings['FORMICARY_COSMOS_KEY'],
  }).database('formicary');
}

/** True when every lease of the triggers is at the end of the one partition that the container of events has here. */
export async function isHandled(settings: Settings): Promise<boolean> {
  const { ChangeFeedStartFrom } = load('@azure/cosmos') as typeof Sdk;
  const database = databaseOf(settings);
  const { continuationToken: end } = await database
    .container(CONTAINERS.events.id)
    .items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Now() })
    .readNext();
  const { resources: leases } = await database
    .container(CONTAINERS.leases.id)
    .items.query<{ continuation: string }>('SELECT * FROM c')
    .fetchAll();
  database.client.dispose();
  return leases.length > 0 && leases.every(({ continuation }) => placeOf(continuation) >= placeOf(end));
}

function placeOf(continuation: string): number {
  const { Continuation } = JSON.parse(continuation) as { Continuation: readonly { continuationToken: string }[] };
  return Number(Continuation[0]?.continuationToken.replaceAll('"', ''));
}

/** By the change feed, and not by our adapter: as the documents stand there. */
async function readEvents(settings: Settings): Promise<LogLine[]> {
  const { ChangeFeedStartFrom } = load('@azure/cosmos') as typeof Sdk;
  const database = databaseOf(settings);
  const container = database.container(CONTAINERS.events.id);
  const commits: EventDocument[] = [];
  const texts = new Map<string, string>();
  const reader = container.items.getChangeFeedIterator<EventDocument>({
    maxItemCount: PAGE,
    changeFeedStartFrom: ChangeFeedStartFrom.Beginning(),
  });
  for (;;) {
    const { result, statusCode } = await reader.readNext();
    if (statusCode !== 200) break;
    for (const document of result) {
      if (document.kind === 'commit') commits.push(document);
      if (document.text !== undefined) texts.set(`${document.stream} ${document.id}`, document.text);
    }
  }
  database.client.dispose();
  return commits.map(({ stream, index, hash, body }) => ({
    stream,
    index,
    hash,
    body: body ?? texts.get(`${stream} body-${hash}`) ?? '',
  }));
}
