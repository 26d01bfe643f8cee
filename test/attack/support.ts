/** A world on a host that was started for a test file. */
import { World } from '../../attack/world';
import { startTestHost } from '../support/host';

export async function openWorld(): Promise<World> {
  return await World.open((env) => startTestHost({ env }));
}
