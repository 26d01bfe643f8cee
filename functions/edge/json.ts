/** JSON as the edge takes it: what the one reader refuses becomes a problem document. */
import { JsonError, readJson } from '../../domain/kernel/json';
import { Problem } from './problem';

/** Parses a body. Throws a Problem (400) that says where the text stops being JSON, or which value is refused. */
export function parseJson(bytes: Uint8Array | ArrayBuffer): unknown {
  try {
    return readJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { fault } = error;
    if (fault.kind === 'value')
      throw Problem.invalid('The body contains a value that is not accepted.', [
        { pointer: fault.pointer, message: fault.message },
      ]);
    const { message, kind: _, ...where } = fault;
    throw Problem.of('invalid-json', `The body ${message}.`, where);
  }
}
