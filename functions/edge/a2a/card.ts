/**
 * The agent card: what a peer has to know before it sends anything. Everybody may read it, so it says nothing of any
 * tenant; the extended one tells whoever has shown a token which types of agents there are.
 */
import type { AgentType } from '../../../contract/repository/agent-types';
import type { Shown } from '../../../contract/route';
import { canonicalize } from '../../../domain/kernel/commit';
import { VERSION } from '../openapi';
import { INPUT_MODES, TASK_KEY } from './messages';

/** The type of task that a message becomes where it names none. */
export const MESSAGE_TASK = 'a2a.message';

/** Revisions of the protocol, as `A2A-Version` names them; the first is meant where it is left out. */
export const REVISIONS = ['0.3', '1.0'] as const;
export type Revision = (typeof REVISIONS)[number];

/** What an agent makes: text, or JSON. */
const OUTPUT_MODES = ['text/plain', 'application/json'];

/** `AgentSkill` of the protocol. */
interface Skill {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly examples?: readonly string[];
}

const MESSAGES: Skill = {
  id: MESSAGE_TASK,
  name: 'A task for the swarm',
  description: `A message becomes a task, which goes to the agent that fits best. Which type of task, its priority, deadline and further terms may stand in the message's metadata under ${TASK_KEY}, as fields of POST /v1/tasks.`,
  tags: ['tasks', 'swarm', 'coordination'],
};

/** `AgentCard` of the protocol, revision 1.0, without its signatures. */
export type Card = ReturnType<typeof publicCard>;

/** @param url where people find this colony */
export function publicCard(url: string) {
  const of = (protocolBinding: string, protocolVersion: Revision) => ({
    url: `${url}/a2a`,
    protocolBinding,
    protocolVersion,
  });
  return {
    name: 'Formicary',
    description:
      'Coordinates a swarm of agents: what is sent becomes a task, awarded to one agent at a time, under policy, and with a receipt of every step.',
    supportedInterfaces: [of('JSONRPC', '1.0'), of('HTTP+JSON', '1.0'), of('JSONRPC', '0.3')],
    provider: { url: 'https://formicary.dev', organization: 'Formicary' },
    version: VERSION,
    documentationUrl: `${url}/docs`,
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: true },
    securitySchemes: {
      bearer: {
        httpAuthSecurityScheme: {
          description: `A token of this colony. POST ${url}/oauth/token gives one for that of another issuer, or renews it.`,
          scheme: 'Bearer',
          bearerFormat: 'JWT',
        },
      },
    },
    // What is empty is not signed, and verifiers don't agree on how much of what holds it is.
    securityRequirements: [{ schemes: { bearer: { list: ['read_write'] } } }],
    defaultInputModes: INPUT_MODES,
    defaultOutputModes: OUTPUT_MODES,
    skills: [MESSAGES],
  };
}

/** The same for whoever is known: a skill for each type of agent, whose id is the `task_type` to ask for. */
export function extendedCard(url: string, types: readonly Shown<typeof AgentType>[]): Card {
  const skills = types.map(({ agent_type, name, description, tags, capabilities }): Skill => ({
    id: agent_type,
    name,
    description,
    tags: [...new Set([agent_type, ...tags, ...capabilities])],
  }));
  return { ...publicCard(url), skills: [MESSAGES, ...skills] };
}

/** What signs a card, given its canonical form. */
export type Sign = (payload: string) => Promise<{ readonly protected: string; readonly signature: string }>;

/** The card that everybody may read, as a revision has it: signed in 1.0, and as it is in 0.3. */
export async function signedCard(url: string, revision: Revision, sign: Sign): Promise<object> {
  const card = publicCard(url);
  if (revision === '0.3') return legacyCard(card, `${url}/a2a`);
  const signature = await sign(canonicalize(card));
  return { ...card, signatures: [signature] };
}

/** The card in the form of revision 0.3. */
function legacyCard(
  { capabilities, securitySchemes, securityRequirements: _, supportedInterfaces: __, ...card }: Card,
  url: string,
) {
  const { extendedAgentCard, streaming, pushNotifications } = capabilities;
  return {
    ...card,
    url,
    preferredTransport: 'JSONRPC',
    protocolVersion: '0.3.0',
    capabilities: { streaming, pushNotifications },
    supportsAuthenticatedExtendedCard: extendedAgentCard,
    securitySchemes: { bearer: { type: 'http', ...securitySchemes.bearer.httpAuthSecurityScheme } },
    security: [{ bearer: [] }],
  };
}
