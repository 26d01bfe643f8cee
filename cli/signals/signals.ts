import type { FieldFilter, SignalInput } from '../../client/client';
import { ago, bold, type Context, dim, note, print, printJson, printTable, shortHash } from '../terminal';

/** The strongest trails now. */
export async function field({ client, json }: Context, filter: FieldFilter): Promise<void> {
  const { value, complete } = await client.signals.field({
    location: filter.location,
    type: filter.type,
    minimum: filter.minimum,
    limit: filter.limit,
  });
  if (json) return printJson({ value, complete });
  printTable(
    ['STRENGTH', '', 'TYPE', 'LOCATION', 'EMITTER', 'SIGNALS', 'GONE'],
    value.map((trail) => [
      trail.strength.toFixed(3),
      gauge(trail.strength),
      bold(trail.type),
      trail.location,
      trail.emitter_agent,
      trail.emissions,
      trail.gone_at === null ? 'never' : ago(trail.gone_at),
    ]),
    ['STRENGTH', 'SIGNALS'],
  );
  if (!complete) note(dim('There are more trails than were compared: name a --location or a --type.'));
}

export interface EmitInput extends Pick<SignalInput, 'type' | 'location' | 'emitter_agent'> {
  readonly strength: number;
  readonly decay?: number;
  readonly emitter?: string;
}

export async function emit(
  { client, json }: Context,
  { type, location, strength, decay, emitter }: EmitInput,
): Promise<void> {
  const emitted = await client.signals.emit({ type, location, strength, decay_rate: decay, emitter_agent: emitter });
  if (json) return printJson(emitted);
  print(
    `${bold(type)} at ${location} is at ${Number(emitted.strength.toFixed(3))}  ${dim(`${emitted.stream}@${emitted.version}  ${shortHash(emitted.hash)}`)}`,
  );
}

const WIDTH = 10;

function gauge(strength: number): string {
  const full = Math.round(strength * WIDTH);
  return '█'.repeat(full) + dim('░'.repeat(WIDTH - full));
}
