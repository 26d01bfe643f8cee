/**
 * Whether values have the form of a JSON Schema that somebody else wrote. The schema is interpreted, never compiled to
 * code; it can make its reader work for ever (a pattern, definitions that double), and nothing else goes on meanwhile:
 * so it is given little time, and is left unread for a while once that was not enough.
 */
import { createContext, Script } from 'node:vm';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { cut } from '../../domain/kernel/text';
import type { Clock } from '../engine/ports';

const MOST_MS = 50;
/** How often a schema is read for which the machine had no time. */
const MAX_READINGS = 3;
/** For how long a schema is left unread, and how many are remembered, the last ones. */
const UNREAD_MS = 60_000;
const MAX_UNREAD = 1_000;
/** Longest fault that is told, in characters. */
const MAX_FAULT = 300;

const TOO_LONG = 'to compare it takes too long';
const script = new Script('check()');

type Schema = Readonly<Record<string, unknown>>;

/** What is wrong with a value, in words; undefined when nothing is. */
export type FaultOf = (schema: Schema, value: unknown) => string | undefined;

export class SchemaReader {
  /** Until when, in milliseconds, by hash of the schema. */
  private readonly unread = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  /** The check, which makes no pause: its library is loaded when it is first asked for. */
  async load(): Promise<FaultOf> {
    const { CfWorkerJsonSchemaValidator } = await import('@modelcontextprotocol/server/validators/cf-worker');
    return (schema, value) => {
      const hash = sha256(canonicalize(schema));
      if ((this.unread.get(hash) ?? 0) > this.clock.now()) return TOO_LONG;
      const check = () => new CfWorkerJsonSchemaValidator().getValidator(schema)(value);
      try {
        const { valid, errorMessage } = read(check);
        return valid ? undefined : cut(errorMessage ?? 'it has another form', MAX_FAULT);
      } catch (error) {
        if (!isLate(error)) return 'the schema is none that can be used';
        this.leaveUnread(hash);
        return TOO_LONG;
      }
    };
  }

  private leaveUnread(hash: string): void {
    this.unread.delete(hash);
    this.unread.set(hash, this.clock.now() + UNREAD_MS);
    const [oldest] = this.unread.keys();
    if (this.unread.size > MAX_UNREAD && oldest !== undefined) this.unread.delete(oldest);
  }
}

/** What the check answers. Throws what it throws, and where its time is over. */
function read<T>(check: () => T): T {
  const context = createContext({ check });
  for (let reading = 1; ; reading += 1) {
    const before = process.cpuUsage();
    try {
      return script.runInContext(context, { timeout: MOST_MS }) as T;
    } catch (error) {
      const { user, system } = process.cpuUsage(before);
      // Else the time went to other processes.
      const isOwn = (user + system) / 1_000 >= MOST_MS / 2;
      if (!isLate(error) || isOwn || reading >= MAX_READINGS) throw error;
    }
  }
}

function isLate(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
