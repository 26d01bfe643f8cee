/** What the app may do with the items of containers, as Bicep gives it; with those that are not named, everything. */
import type { Role } from './server';

export const ROLES: Readonly<Record<string, Role>> = {
  events: ['executeQuery', 'readChangeFeed', 'items/create', 'items/read'],
  subjects: ['items/create', 'items/read', 'items/upsert'],
};
