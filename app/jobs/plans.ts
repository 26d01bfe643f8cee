/** Plans of jobs, kept in the archive by their hash, and those used lately in memory. */
import { type Graph, graphOf, type Plan } from '../../domain/jobs/plan';
import { AlteredPayload } from '../../domain/kernel/commit';
import type { Rejection } from '../../domain/kernel/decider';
import { Recent } from '../../domain/kernel/recent';
import type { CommandContext } from '../engine/command';
import type { BlobArchive } from '../engine/ports';
import { SingleFlight } from '../engine/single-flight';
import { type Payloads, placed, referenceOf } from '../market/module';

/** Plans in memory: so many, as far as they take no more bytes together. */
const MOST = 1_000;
const MOST_BYTES = 64 * 1024 * 1024;
/** What a plan takes in memory for a byte of its text, about. */
const BYTES_OF_ONE = 4;

interface Read {
  readonly graph: Graph;
  readonly bytes: number;
}

export class Plans {
  /** By `tenant reference`. */
  private readonly read = new Recent<string, Read>(MOST, { most: MOST_BYTES, of: ({ bytes }) => BYTES_OF_ONE * bytes });
  /** Many ends of a large job come together. */
  private readonly reading = new SingleFlight<Graph>();

  constructor(
    private readonly blobs: BlobArchive,
    private readonly payloads: Pick<Payloads, 'keep'>,
  ) {}

  /** Has a plan kept, whatever its size; answers its reference, or why the tenant may not store it. */
  async keep(
    context: Pick<CommandContext, 'action' | 'principal'>,
    stream: string,
    plan: Plan,
  ): Promise<{ readonly reference: string } | Rejection> {
    const value = placed(plan, 0);
    if ('inline' in value) throw new Error('a plan has no JSON form');
    const refused = await this.payloads.keep(context, stream, value);
    if (refused !== undefined) return refused;
    // The first tasks are posted at once.
    this.read.set(`${context.principal.tenant} ${value.reference}`, {
      graph: graphOf(plan),
      bytes: value.bytes.length,
    });
    return { reference: value.reference };
  }

  /** Throws `AlteredPayload` where it is not what was kept. */
  async of(tenant: string, reference: string): Promise<Graph> {
    const name = `${tenant} ${reference}`;
    return this.read.get(name)?.graph ?? (await this.reading.join(name, () => this.fetch(name, tenant, reference)));
  }

  private async fetch(name: string, tenant: string, reference: string): Promise<Graph> {
    const bytes = await this.blobs.get(tenant, reference);
    if (bytes === undefined) throw new AlteredPayload(reference, 'is not there');
    if (referenceOf(bytes) !== reference) throw new AlteredPayload(reference, 'holds other bytes than were written');
    const graph = graphOf(JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan);
    this.read.set(name, { graph, bytes: bytes.length });
    return graph;
  }
}
