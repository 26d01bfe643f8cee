/**
 * Reads a request trace in the form of the Azure LLM inference traces (https://github.com/Azure/AzurePublicDataset):
 * a CSV file with the columns TIMESTAMP, ContextTokens and GeneratedTokens, ordered in time.
 */
import { createReadStream } from 'node:fs';

/** One request to a model. */
export interface DemandRequest {
  /** Milliseconds since the trace began; a fraction where the trace is finer (its ticks are 100 ns). */
  readonly at: number;
  readonly contextTokens: number;
  readonly generatedTokens: number;
}

/** A longer trace is refused: it would not fit a simulation, and requests are held in memory. */
export const MAX_REQUESTS = 1_000_000;

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
/** No line of a trace comes near; without a limit a file without line ends would be read into one string. */
const MAX_LINE = 1_000;
/** The trace of 2023 has seven digits of a second and no offset, that of 2024 up to six and `+00:00`. */
const TIMESTAMP = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,9})?(?:\+00:00)?$/;
const TOKENS = /^\d{1,9}$/;

/** What is wrong with a trace, and in which line of it, counted from 1. */
export class TraceError extends Error {
  constructor(
    readonly line: number,
    problem: string,
  ) {
    super(`line ${line}: ${problem}`);
  }
}

/** Splits chunks of text into lines, without their `\n` or `\r\n`. */
async function* linesOf(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r$/, '');
    // An unfinished line this long is yielded as it is: the parser refuses it.
    if (rest.length > MAX_LINE) yield rest;
  }
  if (rest !== '') yield rest.replace(/\r$/, '');
}

/** A point in time as whole seconds since the epoch and a fraction, since a double cannot hold both to 100 ns. */
function parseTimestamp(text: string): { seconds: number; fraction: number } | undefined {
  const [, date, time, fraction] = TIMESTAMP.exec(text) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const milliseconds = Date.parse(`${date}T${time}Z`);
  // Rolled over dates (the 31st of February) do not survive the way back.
  const exists = !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().startsWith(`${date}T${time}`);
  if (!exists) return undefined;
  return { seconds: milliseconds / 1000, fraction: Number(fraction ?? 0) };
}

/**
 * Parses the text of a trace. Line ends may be `\n` or `\r\n`; empty lines and a byte order mark are skipped.
 *
 * @throws TraceError when the header or a row is malformed, a row lies before the one above it, or there is no row or
 *   more than `MAX_REQUESTS`.
 */
export async function parseTrace(chunks: AsyncIterable<string> | Iterable<string>): Promise<DemandRequest[]> {
  const requests: DemandRequest[] = [];
  let number = 0;
  let start: { seconds: number; fraction: number } | undefined;
  for await (const line of linesOf(chunks)) {
    number += 1;
    if (line.length > MAX_LINE) throw new TraceError(number, `is longer than ${MAX_LINE} characters; is this a trace?`);
    if (number === 1) {
      const header = line.replace(/^\uFEFF/, '');
      if (header !== HEADER) {
        throw new TraceError(number, `expected the header ${HEADER}, found ${JSON.stringify(header)}`);
      }
      continue;
    }
    if (line === '') continue;
    if (requests.length === MAX_REQUESTS) throw new TraceError(number, `more than ${MAX_REQUESTS} requests`);

    const columns = line.split(',');
    const [timestamp = '', context = '', generated = ''] = columns;
    if (columns.length !== 3) throw new TraceError(number, `expected 3 columns, found ${columns.length}`);
    const time = parseTimestamp(timestamp);
    if (time === undefined) {
      const found = JSON.stringify(timestamp);
      throw new TraceError(number, `TIMESTAMP must be like 2023-11-16 18:17:03.9799600, not ${found}`);
    }
    for (const [column, text] of [
      ['ContextTokens', context],
      ['GeneratedTokens', generated],
    ] as const) {
      if (!TOKENS.test(text)) {
        throw new TraceError(number, `${column} must be a whole number of tokens, not ${JSON.stringify(text)}`);
      }
    }

    start ??= time;
    const at = (time.seconds - start.seconds) * 1000 + (time.fraction - start.fraction) * 1000;
    const request = {
      at: Math.round(at * 1e6) / 1e6,
      contextTokens: Number(context),
      generatedTokens: Number(generated),
    };
    if (request.at < (requests.at(-1)?.at ?? 0)) throw new TraceError(number, 'lies before the line above it');
    requests.push(request);
  }
  if (requests.length === 0) throw new TraceError(Math.max(number, 1), `no requests; expected rows under ${HEADER}`);
  return requests;
}

/** Reads the trace in `file`. Throws as `parseTrace` does, or what reading the file throws. */
export function readTrace(file: string): Promise<DemandRequest[]> {
  return parseTrace(createReadStream(file, 'utf8'));
}
