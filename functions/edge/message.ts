/** The body of a request to another door, which reads it itself. */
import type { HttpRequest } from '@azure/functions';
import { Problem } from './problem';

/**
 * The bytes of a message. Throws a Problem (413) for one that is too large, before it is read where it says so.
 *
 * @param most bytes that it may have
 */
export async function messageBytes(request: HttpRequest, most: number): Promise<ArrayBuffer> {
  const tooLarge = () =>
    Problem.of('payload-too-large', `The body may have at most ${most} bytes here.`, { limit: most });
  if (Number(request.headers.get('content-length')) > most) throw tooLarge();
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > most) throw tooLarge();
  return bytes;
}
