/** What the app may do with the items of the containers, as Bicep gives it: those that are not named here, everything. */
import type { Role } from './server';

export const ROLES: Readonly<Record<string, Role>> = {
  events: ['executeQuery', 'readChangeFeed', 'items/create', 'items/read'],
  subjects: ['items/create', 'items/read', 'items/upsert'],
};
