/** `/v1/budgets`: what work may cost, what is reserved for it and what was spent. */
import { z } from 'zod';
import { BUDGET_PERIODS, BUDGETED, MAX_BUDGET, MAX_BUDGET_REASON, OWN_BUDGETED } from '../../domain/budgets/budget';
import { At, CommandOf, Count, Id, List, MicroUsd, Paged, Text } from '../common';
import { contract } from '../route';
import { BUDGETS_REFUSALS } from './problems';

const tag = {
  name: 'Budgets',
  description:
    'What work may cost: of the tenant, of a pool, of a type of agent, of an agent. All amounts are whole micro-USD, millionths of a US dollar. An award reserves what its task is estimated to cost before it is made, so awards in parallel never take more than there is; what was reserved is settled with what the work has cost, or given back.',
  refusals: BUDGETS_REFUSALS,
};

const name = Id.meta({ description: 'Its name or id; of `tenant` the own one' });
const OwnThing = z.object({
  kind: z.enum(OWN_BUDGETED).meta({ description: 'Whether `name` is the tenant, a pool, a type of agent or an agent' }),
  name,
});
const Thing = z.object({
  kind: z.enum(BUDGETED).meta({
    description: '`platform` is what the platform lets the tenant spend in a month: a limit of the tenant',
  }),
  name,
});
const reason = Text(MAX_BUDGET_REASON).meta({ description: 'It stands on the receipt' });
/** What may lie below 0, or above every limit. */
const Amount = z.int();

export const Budget = Thing.extend({
  limit_micro_usd: Count,
  period: z.enum(BUDGET_PERIODS),
  reserved_micro_usd: Count.meta({ description: 'For awards that are not over' }),
  spent_micro_usd: Count.meta({ description: 'In this day or month, in UTC, or in all' }),
  left_micro_usd: Amount.meta({ description: 'Below 0 where more was spent than the limit is' }),
  by: z.string().meta({ description: 'Who set it last' }),
  reason: z.string(),
  since: At,
}).meta({ id: 'Budget' });

export const Reservation = z
  .object({
    task: Id,
    award: Count,
    agent: z.string(),
    estimated_micro_usd: Count,
    reserved_micro_usd: Count.meta({ description: 'The estimate with its margin, and what was let it cost more' }),
    spent_micro_usd: Count.meta({ description: 'By the award itself, as it was reported last and written' }),
    sub_tasks_micro_usd: Count.meta({ description: 'Reserved for its sub-tasks, or spent by them' }),
    charged_to: z.array(Thing),
    part_of: z.string().optional().meta({ description: 'The task whose reservation it is charged to as well' }),
    since: At,
    receipt: z.string().meta({ description: 'Of the reservation: stream@index' }),
  })
  .meta({ id: 'Reservation' });

const params = { kind: 'pool', name: 'finance' } as const;

export const budgets = contract({
  list: {
    name: 'listBudgets',
    method: 'GET',
    path: '/v1/budgets',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'What everything may cost, and what is left of it',
    answer: z.object({ value: z.array(Budget) }),
    answers: 'The budgets of the tenant, in order of kind and name',
    example: {},
  },
  reservations: {
    name: 'listReservations',
    method: 'GET',
    path: '/v1/budgets/reservations',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'What is reserved for awards that are not over',
    query: z.object({ task: Id.optional(), ...Paged }),
    answer: List(Reservation),
    answers: 'A page, those first that were reserved first',
    example: { query: { limit: 50 } },
  },
  set: {
    name: 'setBudget',
    method: 'PUT',
    path: '/v1/budgets/{kind}/{name}',
    tag,
    needs: 'critical',
    refuses: ['budgets-full', 'amount-invalid', 'name-invalid'],
    summary: 'Say what something may cost',
    description:
      'From then on an award that would take more is not made: its task waits, and `why` says so. A task of which nobody knows what it costs gets no award under a budget. What is under way when the budget is set is not counted; a limit below what is reserved takes nothing back.',
    params: OwnThing,
    body: z.strictObject({
      limit_micro_usd: z.int().min(0).max(MAX_BUDGET),
      period: z.enum(BUDGET_PERIODS).default('total').meta({
        description: '`day` and `month` are of the calendar in UTC, and begin with nothing spent',
      }),
      reason,
    }),
    answer: CommandOf({ budget: Budget }),
    answers: 'It is set',
    example: { params, body: { limit_micro_usd: 25_000_000, period: 'day', reason: 'the pilot' } },
  },
  remove: {
    name: 'removeBudget',
    method: 'POST',
    path: '/v1/budgets/{kind}/{name}/remove',
    tag,
    needs: 'critical',
    refuses: [],
    summary: 'Take a budget away',
    description: 'It may cost anything again; what was counted in it is forgotten.',
    params: OwnThing,
    body: z.strictObject({ reason }),
    answer: CommandOf({}),
    answers: 'It has none',
    example: { params, body: { reason: 'the pilot is over' } },
  },
  raise: {
    name: 'raiseReservation',
    method: 'POST',
    path: '/v1/budgets/reservations/{task}/raise',
    tag,
    needs: 'critical',
    refuses: ['person-raises', 'reservation-not-found', 'budget-exceeded', 'amount-invalid'],
    summary: 'Let a task cost more than was reserved for it',
    description:
      'A task that has cost more than was reserved for it is stopped until a person lets it cost more: then it goes on. Its budgets must have that.',
    params: z.object({ task: Id }),
    body: z.strictObject({ more_micro_usd: MicroUsd, reason }),
    answer: CommandOf({ reservation: Reservation.optional() }),
    answers: 'It may, and goes on',
    example: {
      params: { task: 'invoice-4711' },
      body: { more_micro_usd: 2_000_000, reason: 'the ledger is larger than usual' },
    },
  },
});
