/**
 * Work that is asked for while the same is being done is done once, and all who ask get what comes of it. It ends when
 * nobody waits for it any more.
 */
import { unlessAborted } from '../../domain/kernel/abort';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly abandoned: AbortController;
  waiting: number;
}

export class SingleFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * Resolves and rejects as the work does, or rejects with the reason of `signal` when that aborts first.
   * @param key says what is done, and on what state of things: what comes of it is one object for all who give the same
   * @param work is given a signal of its own, which aborts when all who waited have gone
   */
  async join(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.flights.get(key) ?? this.begin(key, work);
    flight.waiting += 1;
    try {
      return await (signal === undefined ? flight.result : unlessAborted(flight.result, signal));
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        this.end(key, flight);
        flight.abandoned.abort(signal?.reason);
      }
    }
  }

  private begin(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abandoned = new AbortController();
    const flight = { result: work(abandoned.signal), abandoned, waiting: 0 };
    this.flights.set(key, flight);
    const end = () => this.end(key, flight);
    // Whoever still waits hears of a failure; nobody else has to.
    flight.result.then(end, end);
    return flight;
  }

  private end(key: string, flight: Flight<T>): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}
