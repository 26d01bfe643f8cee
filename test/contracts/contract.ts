/**
 * What every contract suite is given. An adapter supplies a factory and nothing else:
 *
 *   eventStoreContract('sqlite', async () => ({ store, reopen, close }));
 *
 * `store` is empty or shared (tests use tenants, names and queues of their own). `reopen` ends the store as abruptly
 * as the adapter can and opens it again on the same data; the old one is not used after that.
 */
export interface Opened<T> {
  readonly store: T;
  reopen(): Promise<T>;
  close(): Promise<void>;
}

export type Factory<T> = () => Promise<Opened<T>>;

/**
 * For ports that know time: the adapter says what time it is, and how time passes (by a clock of the test, where it
 * can).
 */
export interface Timed<T> extends Opened<T> {
  now(): string;
  pass(seconds: number): Promise<void>;
}

export type TimedFactory<T> = () => Promise<Timed<T>>;

/** Values that have broken stores before: quotes, SQL, wildcards, control characters, Unicode of every width. */
export const HOSTILE = [
  `it's "quoted" \\ back\\slashed`,
  `'; DROP TABLE commits; --`,
  `") OR 1=1 --`,
  '100%_of?*[a-z]',
  'tab\tnew\nline\r\u0000nul\u001f',
  'größe-Ωmega-日本語-😀-👩‍👩‍👧',
  'e\u0301 is not \u00e9',
  '\u2028\u2029\ufeff\uffff',
  '${x} $.a {{y}} %s <script>',
  ' leading and trailing ',
  '__proto__',
  '',
] as const;
