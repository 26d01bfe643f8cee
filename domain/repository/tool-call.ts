/**
 * A call of a tool that a server of MCP offers. It is written down before anything goes out, and what came of it
 * afterwards; the one without the other says that nobody knows, and is never made good by calling again.
 */
import { canonicalize, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse } from '../kernel/decider';
import { cut } from '../kernel/text';
import type { Time } from '../kernel/time';

/**
 * `ok`: the tool has done it. `error`: it has not, or what it answered can't be used. `timed_out`: it did not answer in
 * time. `unknown`: the connection, or this colony, broke in between, or it ended without an answer. Of the last two it
 * may have been done.
 */
export const CALL_OUTCOMES = ['ok', 'error', 'timed_out', 'unknown'] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/** Largest result, in bytes of its canonical form: it stands in the receipt. */
export const MAX_RESULT_BYTES = 128 * 1024;
/** Longest reason, in characters. */
export const MAX_CALL_REASON = 1_000;

// --------------------------------------------------------------------------------------------------------- events

/** What is called, and with what. */
export interface CallOfTool {
  readonly tool_id: string;
  /** Of the registration. */
  readonly tool_version: string;
  /** SHA-256 of the interface that people have accepted; left out where nobody has yet. */
  readonly pin?: string;
  readonly url: string;
  /** The server's name of the tool. */
  readonly tool: string;
  /** SHA-256 over the RFC 8785 form of the arguments. */
  readonly arguments_hash: string;
  /** Who has not heard of an end by then never will. */
  readonly until: Time;
}

/** What a tool has answered: data, whatever it says. */
export interface ToolResult {
  /** Blocks as MCP has them: texts, images, links. */
  readonly content: readonly Readonly<Record<string, unknown>>[];
  /** Of the form of the pinned output schema. */
  readonly structured_content?: unknown;
}

export interface CallEnding {
  readonly outcome: CallOutcome;
  /** False where nothing was asked of the tool, for certain. */
  readonly called: boolean;
  /** Why it is not `ok`. */
  readonly reason?: string;
  readonly result?: ToolResult;
}

export type ToolCallEvent =
  Event<'ToolCallAsked', CallOfTool & { by: string }> | Event<'ToolCallEnded', CallEnding & { result_hash?: string }>;

// ---------------------------------------------------------------------------------------------------------- state

/** What a call can be once it was asked for. */
export const CALL_STATUSES = ['asked', 'ended'] as const;

export interface ToolCallState {
  readonly status: 'unknown' | (typeof CALL_STATUSES)[number];
  readonly call: (CallOfTool & { readonly by: string }) | undefined;
  readonly asked_at: Time | undefined;
  readonly ended_at: Time | undefined;
  readonly ending: (CallEnding & { readonly result_hash?: string }) | undefined;
}

export const toolCallDecider: Decider<ToolCallState, ToolCallEvent> = {
  category: 'tool-call',
  causal: 11,
  version: 1,
  initial: { status: 'unknown', call: undefined, asked_at: undefined, ended_at: undefined, ending: undefined },
  evolve(state, { type, data }, { at }) {
    switch (type) {
      case 'ToolCallAsked':
        return { ...state, status: 'asked', call: data, asked_at: at };
      case 'ToolCallEnded':
        return { ...state, status: 'ended', ending: data, ended_at: at };
    }
  },
};

// ------------------------------------------------------------------------------------------------------ decisions

/** Written before anything goes out. */
export function askCall(call: CallOfTool, by: string): Decision<ToolCallState, ToolCallEvent> {
  return ({ status }) =>
    status === 'unknown'
      ? [{ type: 'ToolCallAsked', v: 1, data: { ...call, by } }]
      : refuse(
          'tool-call-exists',
          'a call with this id was made before: use another id, or the Idempotency-Key of that request to get its answer',
        );
}

/** What came of it. What comes later than an end changes nothing. */
export function endCall(ending: CallEnding): Decision<ToolCallState, ToolCallEvent> {
  return ({ status }) => {
    if (status !== 'asked') return [];
    const { outcome, called, reason, result } = ending;
    const data = {
      outcome,
      called,
      ...(reason !== undefined && { reason: cut(reason, MAX_CALL_REASON) }),
      ...(result !== undefined && { result, result_hash: sha256(canonicalize(result)) }),
    };
    return [{ type: 'ToolCallEnded', v: 1, data }];
  };
}

/** Nobody has heard of its end in time: whether it was done is not known. */
export function callTimePassed(now: Time): Decision<ToolCallState, ToolCallEvent> {
  return (state) =>
    state.call !== undefined && now >= state.call.until
      ? endCall({
          outcome: 'unknown',
          called: true,
          reason: 'who made the call was cut off before its end: whether it was done is not known',
        })(state)
      : [];
}
