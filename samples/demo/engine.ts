/**
 * What the host of a demo or a crash test keeps its store in: a folder, or the services of the profile azure. These are
 * our own protocol servers and Azurite, on this machine, in a process that outlives the host; they are not Azure.
 */
import type * as Sdk from '@azure/cosmos';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CONTAINERS } from '../../adapters/azure/cosmos';
import { hold, readLog, writeExport, type StoredCommit } from './log';

/** The SDK is large: it is loaded when it is needed. */
const load = createRequire(__filename);

export const PROFILES = ['embedded', 'azure-local'] as const;
export type Profile = (typeof PROFILES)[number];

export interface Engine {
  /** What the host's environment has to say of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The export that `log` leaves in the host's folder, where the store itself is gone with the engine. */
  readonly exported: string | undefined;
  /** Every commit, in the order in which they were made durable. No host writes meanwhile. */
  log(): Promise<Iterable<StoredCommit>>;
  /** Ends what was started for it. */
  stop(): void;
}

/** @param data the folder of the host; it is there, and nobody else uses it */
export async function openEngine(profile: Profile, data: string): Promise<Engine> {
  return profile === 'embedded' ? { environment: {}, exported: undefined, log: async () => readLog(data), stop: () => undefined } : await startServers(data);
}

const EXPORT_FILE = 'log.jsonl.gz';
/** Compiled by `npm run build:servers`: they are tests' tools, and no part of the package. */
const SERVERS = join(__dirname, '../../test/servers/main.js');

async function startServers(data: string): Promise<Engine> {
  const release = hold(data); // here no store in the folder is locked by its host
  const child = fork(SERVERS, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const stop = () => {
    child.kill();
    release();
  };
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (typeof said !== 'object' || said === null) {
    stop();
    throw new Error('the servers of the profile azure did not start');
  }
  const environment = said as Readonly<Record<string, string>>;
  const exported = join(data, EXPORT_FILE);
  return {
    environment,
    exported,
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

/** By the change feed of the one partition that the container has here, and not by our adapter: as the documents stand there. */
async function readEvents(settings: Readonly<Record<string, string>>): Promise<StoredCommit[]> {
  const sdk = load('@azure/cosmos') as typeof Sdk;
  const client = new sdk.CosmosClient({ endpoint: settings['FORMICARY_COSMOS__accountEndpoint'], key: settings['FORMICARY_COSMOS_KEY'] });
  const container = client.database('formicary').container(CONTAINERS.events.id);
  const commits: EventDocument[] = [];
  const texts = new Map<string, string>();
  const reader = container.items.getChangeFeedIterator<EventDocument>({ maxItemCount: PAGE, changeFeedStartFrom: sdk.ChangeFeedStartFrom.Beginning() });
  for (;;) {
    const { result, statusCode } = await reader.readNext();
    if (statusCode !== 200) break;
    for (const document of result) {
      if (document.kind === 'commit') commits.push(document);
      if (document.text !== undefined) texts.set(`${document.stream} ${document.id}`, document.text);
    }
  }
  client.dispose();
  return commits.map(({ stream, index, hash, body }) => ({ stream, index, hash, body: body ?? texts.get(`${stream} body-${hash}`) ?? '' }));
}
