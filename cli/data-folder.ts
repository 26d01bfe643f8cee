/** Where a host on this machine keeps its data. */
import { join, resolve } from 'node:path';

/** Where a host keeps its data when it is told nothing, and where the demo does: here, or in the checkout. */
const USUAL = [
  '.formicary',
  '.formicary/demo',
  ...['.formicary', '.formicary/demo'].map((folder) => join(__dirname, '../..', folder)),
];

/** The folders that may be meant: the one that is given, or that FORMICARY_DATA says; else the usual ones. */
export function dataFolders(given?: string | boolean): string[] {
  const named = typeof given === 'string' ? given : process.env['FORMICARY_DATA'];
  return (named !== undefined && named !== '' ? [named] : USUAL).map((folder) => resolve(folder));
}
