/** Calls that policy wants people to approve first: how they come to the gate, and how they are answered afterwards. */
import type { Colony } from '../../app/colony';
import { systemClock } from '../../app/engine/clock';
import { derivedId, newId } from '../../app/engine/new-id';
import { StoreUnavailable } from '../../app/engine/reachable';
import { traced } from '../../app/engine/telemetry';
import type { Approved } from '../../app/oversight/module';
import { cut } from '../../domain/kernel/text';
import type { Came } from '../../domain/oversight/action';
import { contextOf } from './context';
import { Problem } from './problem';
import { type Answer, attempted, type Call, routes } from './route';

/** Longest reason that an action has. */
const MAX_WHY = 1_000;

/** Before the key under which an approved call is given. */
const KEY = 'approved:';

/**
 * Proposes the call as an action; answers the problem with the action beside it. What can't be proposed (it is too
 * large, or the gate refuses it) is refused as it was, with that reason.
 */
export async function hold(colony: Colony, call: Call, problem: Problem): Promise<Problem> {
  const { operation, params, query, body, principal, idempotencyKey, now } = call;
  // Nobody approves twice.
  if (call.approved !== undefined) return problem;
  const { reasons } = problem.document as unknown as { readonly reasons: readonly string[] };
  const { tenant, id: by, kind, level, groups, via } = principal;
  const id = idempotencyKey === undefined ? newId(now) : derivedId(tenant, by, `held:${operation}:${idempotencyKey}`);
  const { command: _, expectedVersion: __, ...context } = contextOf(call);
  const outcome = await colony.actions.propose(
    context,
    id,
    {
      kind: `command.${operation}`,
      action: { params, query, body },
      why: cut(`policy: ${reasons.join('; ')}`, MAX_WHY),
      confidence: 1,
      impact: 'high',
      risk: 0,
      features: {},
    },
    { command: { operation, as: { kind, level, groups, via } } },
  );
  if (!outcome.ok) return told(problem, `${problem.document.detail}. It can't be held: ${outcome.rejection.message}`);
  const { status, given } = outcome.state;
  const detail =
    given === undefined
      ? `People approve this first: ${reasons.join('; ')}. They are asked by the action ${id}; once they approve, it is done without your asking again.`
      : `People have decided on this: see the action ${id}.`;
  return told(problem, detail, { action: { id, status, given } });
}

function told({ document, headers }: Problem, detail: string, more: Readonly<Record<string, unknown>> = {}): Problem {
  return new Problem({ ...document, ...more, detail }, headers);
}

/** Gives a call that people have approved, as the caller would have; see `HeldCommands.give`. */
export async function give({ principal, operation, asked, approval, cause }: Approved): Promise<Came> {
  const definition = routes().find(({ name }) => name === operation);
  if (definition === undefined) return { status: 404, refused: `there is no operation ${operation} any more` };
  const { params, query, body } = asked as Record<'params' | 'query' | 'body', unknown>;
  const read = [
    [definition.params, params],
    [definition.query, query],
    [definition.body, body],
  ] as const;
  // People may have corrected it.
  const [path, search, sent] = read.map(([schema, value]) => schema?.safeParse(value));
  const wrong = [path, search, sent].find((result) => result?.success === false);
  if (wrong?.error !== undefined)
    return { status: 400, refused: `as it was corrected it is no request: ${cut(wrong.error.message, MAX_WHY)}` };
  const answer = await traced(`held ${operation}`, 'internal', cause?.traceparent, {}, async (traceparent = '') =>
    attempted(definition, {
      operation,
      template: definition.path,
      principal,
      params: (path?.data ?? {}) as never,
      query: (search?.data ?? {}) as never,
      body: sent?.data as never,
      ifMatch: undefined,
      idempotencyKey: `${KEY}${approval}`,
      request: undefined,
      traceparent,
      approved: { approval, cause },
      header: () => null,
      signal: new AbortController().signal,
      gone: undefined,
      now: systemClock.now(),
    }),
  );
  return cameOf(answer, definition.status ?? 200);
}

/** Throws where it is not known whether it was done, or it is to be asked again later. */
function cameOf(answer: Answer | Problem, usual: number): Came {
  if (answer instanceof Problem) {
    const { status, detail } = answer.document;
    if (status === 429 || status >= 500) throw new StoreUnavailable(detail);
    return { status, refused: cut(detail, MAX_WHY) };
  }
  const { receipt } = (answer.body ?? {}) as {
    readonly receipt?: { readonly stream: string; readonly version: number };
  };
  return {
    status: answer.status ?? usual,
    receipt: receipt === undefined ? undefined : `${receipt.stream}@${receipt.version}`,
  };
}
