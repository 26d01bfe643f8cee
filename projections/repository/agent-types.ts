/** The agent types of a tenant's own that can be deployed; the repository shows them beside the built-in ones. */
import { agentTypeDecider, type AgentTypeState } from '../../domain/repository/agent-template';
import type { CustomEntry } from '../../domain/repository/catalogue';
import { type Projection, readAll, type ViewReader } from '../projection';

/** A row per type, under its id; a withdrawn one has none. */
export const agentTypes: Projection<AgentTypeState, CustomEntry> = {
  name: 'agent-types',
  version: 1,
  category: agentTypeDecider.category,
  fields: [],
  row({ tenant, id, stream, version }, { status, entry }) {
    return entry && { tenant, key: id, source: stream, index: version, doc: status === 'active' ? entry : null };
  },
};

/** All of them by id, to be filtered and searched together with the built-in entries; at most 10,000. */
export async function ownEntries(views: ViewReader, view: string, tenant: string): Promise<readonly CustomEntry[]> {
  return (await readAll<CustomEntry>(views, view, { tenant })).docs;
}
