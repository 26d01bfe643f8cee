/** Signals, and the field that they add up to. */
import type { AnswerOf, QueryOf, Sent, Shown } from '../contract/route';
import type {
  Emitted as EmittedSchema,
  SignalInput as SignalInputSchema,
  signals,
  Trail as TrailSchema,
  TrailReading as TrailReadingSchema,
} from '../contract/signals/signals';
import type { AsOf, CommandOptions, ItemOf, ReadOptions, Session } from './session';

export type SignalInput = Sent<typeof SignalInputSchema>;
export type FieldFilter = QueryOf<typeof signals.field>;
export type Emitted = Shown<typeof EmittedSchema> & { readonly problem?: undefined };
/** One answer of a batch: what came of the signal, or the problem that kept it out. */
export type EmittedOrNot = Emitted | Exclude<ItemOf<typeof signals.emit>, Shown<typeof EmittedSchema>>;
export type Trail = Shown<typeof TrailSchema>;
export type TrailReading = Shown<typeof TrailReadingSchema>;

/** `/v1/signals` */
export class SignalsApi {
  constructor(private readonly session: Session) {}

  async emit(signal: SignalInput, options?: CommandOptions): Promise<Emitted> {
    const request = { body: signal };
    const { value } = await this.session.call<typeof signals.emit>('POST /v1/signals', request, options);
    // One that is refused is an error.
    return value[0] as Emitted;
  }

  /** Emits up to 1,000 signals; answers for each, in their order. */
  async emitMany(inputs: readonly SignalInput[], options?: CommandOptions): Promise<readonly EmittedOrNot[]> {
    return await this.session.batch<typeof signals.emit>('POST /v1/signals', { body: { signals: inputs } }, options);
  }

  /** The strongest trails here, now. */
  field(query: FieldFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof signals.field>> {
    return this.session.call<typeof signals.field>('GET /v1/signals', { query }, options);
  }

  /** One trail, now or as it was. */
  trail(type: string, location: string, { asOf, ...options }: AsOf = {}): Promise<TrailReading> {
    const request = { params: { type, location }, query: { asOf } };
    return this.session.call<typeof signals.trail>('GET /v1/signals/{type}/{*location}', request, options);
  }
}
