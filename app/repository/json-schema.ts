/**
 * Whether values have the form of a JSON Schema that somebody else wrote. The schema is interpreted, never compiled to
 * code; it can make its reader work for ever (a pattern, definitions that double), so it is given little time.
 */
import { createContext, Script } from 'node:vm';
import { cut } from '../../domain/kernel/text';

const MOST_MS = 500;
/** Longest fault that is told, in characters. */
const MAX_FAULT = 300;

const script = new Script('check()');

/** What is wrong with the value, in words; undefined when nothing is. */
export async function schemaFault(
  schema: Readonly<Record<string, unknown>>,
  value: unknown,
): Promise<string | undefined> {
  const { CfWorkerJsonSchemaValidator } = await import('@modelcontextprotocol/server/validators/cf-worker');
  const check = () => new CfWorkerJsonSchemaValidator().getValidator(schema)(value);
  try {
    const { valid, errorMessage } = script.runInContext(createContext({ check }), {
      timeout: MOST_MS,
    }) as ReturnType<typeof check>;
    return valid ? undefined : cut(errorMessage ?? 'it has another form', MAX_FAULT);
  } catch (error) {
    const isLate = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    return isLate ? 'to compare it takes too long' : 'the schema is none that can be used';
  }
}
