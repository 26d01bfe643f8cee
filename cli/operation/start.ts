import { join } from 'node:path';
import type { Context } from '../terminal';

/**
 * Runs the local host in this very process, until it is stopped: whoever ends the one that was started, however that
 * goes, has ended all of it.
 */
export async function start(
  _: Context,
  { port, data, devHeaders, newKeys }: { port?: number; data?: string; devHeaders?: boolean; newKeys?: boolean },
): Promise<void> {
  if (port !== undefined) process.env['FORMICARY_PORT'] = String(port);
  if (data !== undefined) process.env['FORMICARY_DATA'] = data;
  if (devHeaders === true) process.env['FORMICARY_DEV_HEADERS'] = 'on';
  if (newKeys === true) process.env['FORMICARY_NEW_KEYS'] = 'on';
  require(join(__dirname, '../../local/main.js'));
}
