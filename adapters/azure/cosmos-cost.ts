/**
 * What the stores ask of Cosmos DB, by operation: for metrics, and for the price of a command. Requests and bytes are
 * those that the SDK reports, its own retries and look-ups among them; request units are what the answers say (the test
 * server's say what Microsoft's published figures come to).
 */

import type { StoreCost } from '../../app/engine/ports';

type Counted = { -readonly [K in keyof StoreCost]: number };

/** The part of the SDK's answers and errors that tells what they cost. */
export interface Charged {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly diagnostics?: {
    readonly clientSideRequestStatistics: {
      readonly gatewayStatistics: readonly unknown[];
      readonly metadataDiagnostics: { readonly metadataLookups: readonly unknown[] };
      readonly retryDiagnostics: { readonly failedAttempts: readonly unknown[] };
      readonly totalRequestPayloadLengthInBytes: number;
      readonly totalResponsePayloadLengthInBytes: number;
    };
  };
}

export class CostMeter {
  private readonly costs = new Map<string, Counted>();

  /** Counts a call of the SDK that has ended. */
  count(operation: string, { headers, diagnostics }: Charged, throttled: boolean): void {
    const cost = this.of(operation);
    const statistics = diagnostics?.clientSideRequestStatistics;
    const { gatewayStatistics = [], metadataDiagnostics, retryDiagnostics } = statistics ?? {};
    const requests =
      gatewayStatistics.length +
      (metadataDiagnostics?.metadataLookups.length ?? 0) +
      (retryDiagnostics?.failedAttempts.length ?? 0);
    cost.calls += 1;
    cost.requests += Math.max(1, requests); // one that got no answer is in no statistics
    cost.requestUnits += Number(headers?.['x-ms-request-charge'] ?? 0);
    cost.bytesSent += statistics?.totalRequestPayloadLengthInBytes ?? 0;
    cost.bytesReceived += statistics?.totalResponsePayloadLengthInBytes ?? 0;
    if (throttled) cost.throttled += 1;
  }

  /** Since the start of the process. */
  totals(): ReadonlyMap<string, StoreCost> {
    return this.costs;
  }

  private of(operation: string): Counted {
    const found = this.costs.get(operation);
    if (found !== undefined) return found;
    const made: Counted = { calls: 0, requests: 0, requestUnits: 0, bytesSent: 0, bytesReceived: 0, throttled: 0 };
    this.costs.set(operation, made);
    return made;
  }
}
