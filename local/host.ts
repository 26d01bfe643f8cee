/**
 * The development host: runs a compiled Functions app without Core Tools. It serves HTTP functions, and runs timers,
 * durable orchestrations, what changes in Cosmos DB and what comes through Service Bus and Event Hubs, where the
 * settings say where they are; functions with other triggers are accepted and listed, but nothing calls them here.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { prepareFolder } from '../adapters/embedded/folder';
import { entranceOf } from '../functions/edge/entrance';
import { loadApp } from './app-loader';
import { Connections } from './connections';
import { type Binding, type Registration, supplyInput, triggerOf } from './core';
import { CosmosTrigger } from './cosmos-trigger';
import { addRoutes } from './durable/routes';
import { DurableRuntime } from './durable/runtime';
import { EventHubTrigger } from './event-hub-trigger';
import { type Handler, HttpFront } from './http-front';
import { contextsOf, invoke } from './invoke';
import { isLoopback } from './loopback';
import type { LocalRequest } from './request';
import { Router } from './router';
import { ServiceBusTrigger } from './service-bus-trigger';
import { resolveSettings } from './settings';
import { startTimer } from './timers';
import { within } from './within';

export interface HostOptions {
  /** Folder with package.json (whose `main` names the compiled functions) and host.json. */
  readonly appDirectory: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A loopback name or address. */
  readonly hostname: string;
  /**
   * Folder in which the host itself keeps orchestrations, and how far it came in event hubs; `.formicary` in the app's
   * one when it is not given.
   */
  readonly data?: string;
  /** How long orchestrations that have ended are kept, in days (30). */
  readonly retentionDays?: number;
}

/** Azure's own defaults. */
const MAX_CONCURRENT_CALLS = 16;
const MAX_EVENT_BATCH_SIZE = 100;
const CONSUMER_GROUP = '$Default';
const RUN = ['httpTrigger', 'timerTrigger', 'orchestrationTrigger', 'activityTrigger'];

export interface Host {
  /** For example `http://localhost:7071`. */
  readonly url: string;
  /** Everything that the app registered; `runs` is false for triggers that this host does not serve. */
  readonly functions: readonly { readonly name: string; readonly trigger: string; readonly runs: boolean }[];
  /** Does what is due by now, without waiting for a timer of the machine: the clock was moved (`moveAhead`). */
  catchUp(): Promise<void>;
  /**
   * Stops: takes no new requests and batches, aborts the signals of the requests in flight, waits up to `graceSeconds`
   * (10) for requests, timers and batches to end, then runs the app's terminate hooks.
   */
  close(graceSeconds?: number): Promise<void>;
}

/** Starts the app. Throws when the port is taken, the hostname is not loopback, or the app cannot be loaded. */
export async function startHost({
  appDirectory,
  port,
  hostname,
  data = path.join(appDirectory, '.formicary'),
  retentionDays = 30,
}: HostOptions): Promise<Host> {
  if (!isLoopback(hostname)) {
    throw new Error(
      `refusing to listen on ${hostname}: this host has no access control yet, so only a loopback address is allowed`,
    );
  }
  const front = new HttpFront();
  // The port comes first: a second host must find out before it touches the first one's data.
  const url = await front.listen(port, hostname);
  let durable: DurableRuntime | undefined;
  try {
    process.env['WEBSITE_HOSTNAME'] = new URL(url).host;
    // Before the app opens anything: what can't be written is said once, and first.
    prepareFolder(data);
    const { http, durableTask, serviceBus, eventHubs } = extensions(appDirectory);
    const app = await loadApp(appDirectory);
    const router = new Router<Handler>();
    // The host's own routes come before those of functions, and those in order of the functions' names: the first that
    // fits serves.
    durable = openDurable(app.registrations, data);
    if (durable !== undefined)
      supplyInput('durableClient', addRoutes(router, durable, url, durableTask?.hubName ?? 'Formicary'));
    for (const { registration, trigger } of inHostOrder(withTrigger(app.registrations, 'httpTrigger'))) {
      const template = [http?.routePrefix ?? 'api', (trigger['route'] as string | undefined) ?? registration.name]
        .filter((part) => part !== '')
        .join('/');
      const newContext = contextsOf(registration);
      const handle: Handler = Object.assign((request: LocalRequest) => invoke(registration, [request], newContext()), {
        entrance: entranceOf(registration.callback),
      });
      for (const method of trigger['methods'] as string[]) router.add(method.toUpperCase(), template, handle);
    }
    const connections = new Connections(data);
    const feeds = withTrigger(app.registrations, 'cosmosDBTrigger').filter(({ trigger }) =>
      connections.hasCosmos(String(trigger['connection'])),
    );
    const queues = withTrigger(app.registrations, 'serviceBusTrigger').filter(({ trigger }) =>
      connections.hasBroker(String(trigger['connection'])),
    );
    const hubs = withTrigger(app.registrations, 'eventHubTrigger').filter(({ trigger }) =>
      connections.hasBroker(String(trigger['connection'])),
    );
    const instance = randomUUID();
    const running: { stop(): Promise<void> }[] = [
      ...withTrigger(app.registrations, 'timerTrigger').map(({ registration, trigger }) =>
        startTimer(registration, trigger),
      ),
      ...feeds.map(
        ({ registration, trigger }) =>
          new CosmosTrigger(registration, trigger, connections.cosmos(String(trigger['connection'])), instance),
      ),
      ...queues.map(
        ({ registration, trigger }) =>
          new ServiceBusTrigger(
            registration,
            connections.serviceBus(String(trigger['connection'])),
            serviceBus?.maxConcurrentCalls ?? MAX_CONCURRENT_CALLS,
          ),
      ),
      ...hubs.map(({ registration, trigger }) => {
        const client = connections.eventHub(
          String(trigger['connection']),
          resolveSettings((trigger['consumerGroup'] as string | undefined) ?? CONSUMER_GROUP),
          resolveSettings(String(trigger['eventHubName'])),
        );
        return new EventHubTrigger(registration, client, eventHubs?.maxEventBatchSize ?? MAX_EVENT_BATCH_SIZE);
      }),
    ];
    front.serve(router);
    durable?.begin(retentionDays);
    return {
      url,
      functions: app.registrations.map((registration) => {
        const { type } = triggerOf(registration);
        return {
          name: registration.name,
          trigger: type,
          runs:
            RUN.includes(type) || [...feeds, ...queues, ...hubs].some((served) => served.registration === registration),
        };
      }),
      async catchUp() {
        await durable?.lookAround();
      },
      async close(graceSeconds = 10) {
        // A broker that is gone can't be taken leave of: that keeps nothing else from ending in order.
        const ended = Promise.allSettled(running.map((each) => each.stop())).then(() => connections.close());
        await Promise.all([front.close(graceSeconds), within(graceSeconds, ended), durable?.close(graceSeconds)]);
        await app.terminate();
      },
    };
  } catch (error) {
    await Promise.all([front.close(0), durable?.close(0)]);
    throw error;
  }
}

function withTrigger(
  registrations: readonly Registration[],
  type: string,
): { registration: Registration; trigger: Binding }[] {
  return registrations
    .map((registration) => ({ registration, trigger: triggerOf(registration) }))
    .filter(({ trigger }) => trigger.type === type);
}

/** The order in which the Functions host looks at routes: by the functions' names, regardless of case. */
export function inHostOrder<F extends { readonly registration: { readonly name: string } }>(
  functions: readonly F[],
): F[] {
  const key = ({ registration: { name } }: F) => name.toLowerCase();
  return functions.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** Undefined for an app that has no durable functions: no file is made for it. */
function openDurable(registrations: readonly Registration[], data: string): DurableRuntime | undefined {
  const of = (type: string): Registration[] => withTrigger(registrations, type).map(({ registration }) => registration);
  const functions = { orchestrators: of('orchestrationTrigger'), activities: of('activityTrigger') };
  if (functions.orchestrators.length === 0) return undefined;
  return new DurableRuntime(path.join(data, 'durable.db'), functions);
}

interface Extensions {
  /** `routePrefix`: what all routes start with. */
  readonly http?: { readonly routePrefix?: string };
  readonly durableTask?: { readonly hubName?: string };
  readonly serviceBus?: { readonly maxConcurrentCalls?: number };
  readonly eventHubs?: { readonly maxEventBatchSize?: number };
}

function extensions(appDirectory: string): Extensions {
  const { extensions = {} } = JSON.parse(readFileSync(path.join(appDirectory, 'host.json'), 'utf8')) as {
    extensions?: Extensions;
  };
  return extensions;
}
