/** The agent at work, until it is told to stop. The host and the token stand in FORMICARY_URL and FORMICARY_TOKEN. */
import { Worker } from '@formicary/client';
import { equip } from './agent.ts';

await equip(new Worker({ capacity: 4 })).run();
