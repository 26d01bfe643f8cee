/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const TENANTS_REFUSALS = refusals('Tenants', [
  [
    403,
    'platform-only',
    'that concerns others than …: people of the tenant platform alone create and limit tenants, and see them',
  ],
  [403, 'person-ends', 'people alone … a tenant, for good: sign in as one'],
  [404, 'tenant-not-found', 'there is no tenant …: create it first'],
  [409, 'platform-not-limited', 'platform has no limits: nobody would be left to raise them'],
  [409, 'second-person-needed', '… has agreed already: it takes a second person'],
  [409, 'tenant-exists', 'the tenant … was created before: change its limits instead'],
  [409, 'tenant-given', '… is always there: stop it instead, and lift that when it is well'],
  [409, 'tenant-not-closed', 'the tenant … was not closed: close it first'],
  [422, 'limit-invalid', '… must be a whole number from … to …'],
  [422, 'name-invalid', 'a tenant has 1 to 63 lower-case letters, digits and hyphens'],
]);
