/** What the things of an answer are called, and where in the window they are shown. */
import type { OperationId } from '../../domain/asks/operations';
import type { Step } from '../../domain/asks/plan';
import { linkTo } from './route';

/** A thing of an answer, by the names of its fields. */
export type Row = Readonly<Record<string, unknown>>;

interface Things {
  /** Fields that a thing is called by. */
  readonly called?: readonly string[];
  /** The page of a thing, or the pane that shows it, by its name. */
  readonly to?: (name: string, thing: Row) => string;
}

const ofStream = (category: string) => (id: string) => linkTo('receipts', [category, id]);
const agent = { called: ['id'], to: (id: string) => linkTo('agents', [id]) };
const task = { called: ['id'], to: (id: string) => linkTo('tasks', [id]) };
const approval = { called: ['id'], to: (id: string) => linkTo('decisions', [id]) };
const round = { called: ['id'], to: (id: string) => linkTo('decisions', ['rounds', id]) };
const action = { called: ['id'], to: ofStream('action') };
const job = { called: ['id'], to: ofStream('job') };
const schedule = { called: ['id'], to: ofStream('schedule') };
const type = { called: ['agent_type'] };
const tool = { called: ['tool_id'], to: ofStream('tool') };
const pool = { called: ['pool'], to: () => linkTo('activity') };
const governed = { called: ['kind', 'name'], to: () => linkTo('governance') };
/** By operation; what is read only. */
const THINGS: Readonly<Partial<Record<OperationId, Things>>> = {
  readStatus: { to: () => linkTo('now') },
  listAgents: agent,
  getAgent: agent,
  listTasks: task,
  getTask: task,
  listJobs: job,
  getJob: job,
  listJobTasks: { called: ['key'], to: (_, { id }) => linkTo('tasks', [String(id)]) },
  listSchedules: schedule,
  getSchedule: schedule,
  listPools: pool,
  readPoolHistory: { called: ['at'], to: () => linkTo('activity') },
  listPauses: { called: ['kind', 'name'] },
  listStops: governed,
  listBudgets: governed,
  listReservations: { ...task, called: ['task'] },
  readField: {
    called: ['type', 'location'],
    to: (_, { type: of, location }) => linkTo('field', [String(of), String(location)]),
  },
  listApprovals: approval,
  getApproval: approval,
  listRounds: round,
  getRound: round,
  listActions: action,
  getAction: action,
  getPolicy: { to: () => linkTo('governance') },
  getMe: { called: ['id'] },
  listAgentTypes: type,
  searchAgentTypes: type,
  getAgentType: type,
  searchTools: tool,
  getTool: tool,
  getTenant: { called: ['name'] },
  listChannels: { called: ['channel_id'], to: ofStream('channel') },
  listDeliveries: { called: ['delivery_id'], to: ofStream('delivery') },
  listCandidates: { ...agent, called: ['agent'] },
};

export function thingsOf({ operation }: Step): Things {
  return THINGS[operation as OperationId] ?? {};
}
