/** The request that a function receives. */
import { HttpRequest, type HttpRequestUser } from '@azure/functions';

interface RequestParts {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Record<string, string>;
  readonly params: Record<string, string>;
  readonly bytes: Buffer | undefined;
}

/**
 * An HttpRequest that is cheap to make: the library's own one builds a fetch Request each time, which with a body
 * costs more than all the rest of the host. What handlers use is answered from the parts; anything else by the
 * library's request, made on demand. The body may be read once, as everywhere.
 */
export class LocalRequest implements HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly params: Record<string, string>;
  readonly #parts: RequestParts;
  #headers: Headers | undefined;
  #query: URLSearchParams | undefined;
  #bytesUsed = false;
  #full: HttpRequest | undefined;

  constructor(parts: RequestParts) {
    this.#parts = parts;
    this.method = parts.method;
    this.url = parts.url;
    this.params = parts.params;
  }

  get headers(): Headers {
    return (this.#headers ??= new Headers(this.#parts.headers));
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(`?${queryOf(this.url)}`));
  }

  get user(): HttpRequestUser | null {
    return this.#whole().user;
  }

  get body(): HttpRequest['body'] {
    return this.#whole().body;
  }

  get bodyUsed(): boolean {
    return this.#bytesUsed || (this.#full?.bodyUsed ?? false);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#takeBytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  async text(): Promise<string> {
    return this.#takeBytes().toString('utf8');
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  blob(): ReturnType<HttpRequest['blob']> {
    return this.#whole().blob();
  }

  formData(): ReturnType<HttpRequest['formData']> {
    return this.#whole().formData();
  }

  clone(): HttpRequest {
    return this.#whole().clone();
  }

  #takeBytes(): Buffer {
    if (this.bodyUsed) throw new TypeError('the body has already been read');
    this.#bytesUsed = true;
    return this.#parts.bytes ?? Buffer.alloc(0);
  }

  #whole(): HttpRequest {
    const { method, url, headers, params, bytes } = this.#parts;
    return (this.#full ??= new HttpRequest({ method, url, headers, params, body: bytes && { bytes } }));
  }
}

/** What stands after the question mark. */
function queryOf(url: string): string {
  const at = url.indexOf('?');
  const end = url.indexOf('#');
  return at < 0 || (end >= 0 && end < at) ? '' : url.slice(at + 1, end < 0 ? undefined : end);
}
