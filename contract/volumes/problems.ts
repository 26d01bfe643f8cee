/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const VOLUMES_REFUSALS = refusals('Volumes', [
  [
    403,
    'platform-only',
    'a volume holds what all tenants have stored: people of the tenant platform alone look after it',
  ],
  [404, 'volume-not-found', 'there is no volume … in the pool …'],
  [409, 'volume-exists', 'there is a volume … already: give another name'],
  [409, 'volume-refused', 'the service refuses: …'],
  [409, 'volumes-off', 'this host keeps no volumes: FORMICARY_NETAPP__account and what belongs to it gives it some'],
]);
