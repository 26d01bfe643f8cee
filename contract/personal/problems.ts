/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const PERSONAL_REFUSALS = refusals('Personal', []);
