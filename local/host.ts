/**
 * The development host: runs a compiled Functions app without Core Tools. It serves HTTP functions and runs timers;
 * functions with other triggers are accepted and listed, but nothing calls them here.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadApp } from './app-loader';
import type { Binding, Registration } from './core';
import { HttpFront } from './http-front';
import { isLoopback } from './loopback';
import { Router } from './router';
import { startTimer } from './timers';
import { within } from './within';

export interface HostOptions {
  /** Folder with package.json (whose `main` names the compiled functions) and host.json. */
  readonly appDirectory: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A loopback name or address. */
  readonly hostname: string;
}

export interface Host {
  /** For example `http://localhost:7071`. */
  readonly url: string;
  /** Everything that the app registered; `runs` is false for triggers that this host does not serve. */
  readonly functions: readonly { readonly name: string; readonly trigger: string; readonly runs: boolean }[];
  /**
   * Stops: takes no new requests, aborts the signals of those in flight, waits up to `graceSeconds` (10) for requests
   * and timers to end, then runs the app's terminate hooks.
   */
  close(graceSeconds?: number): Promise<void>;
}

/** Starts the app. Throws when the port is taken, the hostname is not loopback, or the app cannot be loaded. */
export async function startHost({ appDirectory, port, hostname }: HostOptions): Promise<Host> {
  if (!isLoopback(hostname)) {
    throw new Error(`refusing to listen on ${hostname}: this host has no access control yet, so only a loopback address is allowed`);
  }
  const front = new HttpFront();
  // The port comes first: a second host must find out before it touches the first one's data.
  const url = await front.listen(port, hostname);
  try {
    process.env['WEBSITE_HOSTNAME'] = new URL(url).host;
    const prefix = routePrefix(appDirectory);
    const app = await loadApp(appDirectory);
    const router = new Router<Registration>();
    for (const { registration, trigger } of withTrigger(app.registrations, 'httpTrigger')) {
      const template = [prefix, (trigger['route'] as string | undefined) ?? registration.name].filter((part) => part !== '').join('/');
      for (const method of trigger['methods'] as string[]) router.add(method.toUpperCase(), template, registration);
    }
    const timers = withTrigger(app.registrations, 'timerTrigger').map(({ registration, trigger }) => startTimer(registration, trigger));
    front.serve(router);
    return {
      url,
      functions: app.registrations.map((registration) => {
        const { type } = triggerOf(registration);
        return { name: registration.name, trigger: type, runs: type === 'httpTrigger' || type === 'timerTrigger' };
      }),
      async close(graceSeconds = 10) {
        const timersEnded = Promise.all(timers.map((timer) => timer.stop()));
        await Promise.all([front.close(graceSeconds), within(graceSeconds, timersEnded)]);
        await app.terminate();
      },
    };
  } catch (error) {
    await front.close(0);
    throw error;
  }
}

function triggerOf(registration: Registration): Binding {
  const trigger = Object.values(registration.bindings).find(({ type }) => type.endsWith('Trigger'));
  if (trigger === undefined) throw new Error(`function ${registration.name} has no trigger`);
  return trigger;
}

function withTrigger(registrations: readonly Registration[], type: string): { registration: Registration; trigger: Binding }[] {
  return registrations
    .map((registration) => ({ registration, trigger: triggerOf(registration) }))
    .filter(({ trigger }) => trigger.type === type);
}

/** What all routes start with; Azure's own default is `api`. */
function routePrefix(appDirectory: string): string {
  const hostJson = JSON.parse(readFileSync(path.join(appDirectory, 'host.json'), 'utf8')) as {
    extensions?: { http?: { routePrefix?: string } };
  };
  return hostJson.extensions?.http?.routePrefix ?? 'api';
}
