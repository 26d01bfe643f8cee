/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const NOTICES_REFUSALS = refusals('Notices', [
  [404, 'channel-not-found', 'there is no channel with this id'],
  [404, 'delivery-not-found', 'there is no such delivery'],
  [409, 'channel-removed', 'the channel … was removed: set it again first'],
  [409, 'delivery-not-dead', 'it was delivered: only dead letters are redriven'],
  [422, 'channel-invalid', 'what is wrong with the channel'],
]);
