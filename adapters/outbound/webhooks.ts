/** Webhooks over HTTPS. */
import type { IncomingMessage } from 'node:http';
import type { WebhookAnswer, WebhookRequest, Webhooks } from '../../app/engine/ports';
import { GuardedHttp, type GuardSettings, Refusal } from './guarded';

/** More of an answer's body is not even read. */
const MAX_ANSWER_BYTES = 64 * 1024;

export class HttpWebhooks implements Webhooks {
  private readonly http: GuardedHttp;

  constructor(settings: GuardSettings) {
    this.http = new GuardedHttp(settings);
  }

  async post({ url, headers, body, timeoutMs }: WebhookRequest): Promise<WebhookAnswer> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.http.request({ method: 'POST', url, headers, body, signal });
      const retryAfter = secondsOf(response.headers['retry-after'], response.headers.date);
      await drop(response);
      return { status: response.statusCode as number, ...(retryAfter === undefined ? {} : { retryAfter }) };
    } catch (error) {
      if (signal.aborted) return { error: `no answer within ${timeoutMs} ms` };
      return {
        error:
          error instanceof Refusal
            ? error.message
            : `the request failed: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`,
      };
    }
  }
}

/** The status is known: whatever befalls the body changes nothing. */
async function drop(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_ANSWER_BYTES) return;
    }
  } catch {
    // Cut off, or out of time.
  }
}

/** Retry-After (RFC 9110): seconds, or a date, by the clock of whoever says it: `date` is when the answer was made. */
function secondsOf(header: string | undefined, date: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  // Date.parse alone would take `-5` for a month of May.
  const seconds = header.endsWith(' GMT') ? (Date.parse(header) - Date.parse(date ?? '')) / 1000 : NaN;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}
