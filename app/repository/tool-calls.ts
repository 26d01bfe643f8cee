/**
 * Calls of tools that servers of MCP offer. Each is a command like any other, asked of policy and stops, and written
 * down before anything goes out; then the server is asked what the tool is, and called only where that is what people
 * have accepted. A call is made once: whatever breaks in between, nobody makes it again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ToolCall } from '../../contract/repository/tools';
import type { Shown } from '../../contract/route';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { mayHoldSecret, secretsIn } from '../../domain/kernel/secrets';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  type Callable,
  callable,
  interfaceFound,
  pinTool,
  type Reading,
  type ToolEvent,
  type ToolState,
  unaccepted,
} from '../../domain/repository/tool';
import {
  askCall,
  type CallEnding,
  type CallOfTool,
  callTimePassed,
  endCall,
  MAX_RESULT_BYTES,
  toolCallDecider,
  type ToolCallEvent,
  type ToolCallState,
  type ToolResult,
} from '../../domain/repository/tool-call';
import { interfaceHash, type ToolInterface } from '../../domain/repository/tool-interface';
import type { Aggregate } from '../engine/aggregate';
import {
  type Accepted,
  causeOf,
  type CommandContext,
  type Outcome,
  type RequestContext,
  settled,
} from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import { type RemoteResult, ToolServerError, type ToolServers } from '../engine/ports-tools';
import type { Loaded } from '../engine/streams';
import { holdsMark } from '../personal/module';
import { type FaultOf, SchemaReader } from './json-schema';

export type ToolCallOutcome = Outcome<ToolCallState, ToolCallEvent>;

type Arguments = Readonly<Record<string, unknown>>;

/** Calls that this process asks for or makes at once, and of them those of one tenant. */
const MAX_SLOTS = 100;
const MAX_SLOTS_PER_TENANT = 20;
/** Seconds after the time of a call in which its end is still written down. */
const GRACE_SECONDS = 15;
/** Between two attempts to write it down. */
const LONGEST_WAIT_MS = 5_000;

const STOPPED = { lost: true, message: 'this host was stopped in between' };
const FAILED = { lost: true, message: 'this host, or its store, failed in between: again later' };
const BUSY = new Rejection(
  'unavailable',
  'tools-busy',
  'as many tools are being called as may be at once: again later',
  { retryAfterSeconds: 1 },
);

/** A call as the API shows it. */
export function toolCallAnswer(
  id: string,
  { state, version }: Pick<Loaded<ToolCallState>, 'state' | 'version'>,
): Shown<typeof ToolCall> {
  const { status, call, asked_at, ended_at, ending } = state;
  return {
    id,
    version,
    status: status as Shown<typeof ToolCall>['status'],
    ...(call as NonNullable<typeof call>),
    asked_at: asked_at as Time,
    ended_at,
    ...ending,
  };
}

export interface ToolCallsDeps extends Pick<Engine, 'deadlines' | 'standstill' | 'clock' | 'report'> {
  readonly calls: Aggregate<ToolCallState, ToolCallEvent>;
  readonly tools: Aggregate<ToolState, ToolEvent>;
  readonly servers: ToolServers;
}

/** A call that was written down, and that this process makes. */
interface Call {
  readonly stream: string;
  readonly tenant: string;
  readonly id: string;
  readonly tool: Callable;
  readonly args: Arguments;
  /** From then on nobody writes down what came of it, but that it is unknown. */
  readonly until: Time;
  /** As which it was asked of policy and stops. */
  readonly asked: CommandContext;
  readonly outcome: Accepted<ToolCallState, ToolCallEvent>;
}

/** What a call holds from before it is asked for to its end. */
interface Slot {
  readonly tenant: string;
}

export class ToolCalls {
  /** Calls that this process makes now, by stream. */
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly slots = new Set<Slot>();
  private readonly schemas: SchemaReader;
  private readonly late: Reason;
  /** Aborts what is under way: a host that stops waits for nobody. */
  private readonly stopping = new AbortController();

  constructor(private readonly deps: ToolCallsDeps) {
    this.schemas = new SchemaReader(deps.clock);
    this.late = deps.deadlines.on(toolCallDecider.category, (stream) => this.look(stream));
  }

  /** Calls a tool, and answers when the call has ended. What comes again is answered alike, and calls nothing. */
  async call(context: RequestContext, toolId: string, id: string, args: Arguments): Promise<ToolCallOutcome> {
    const { calls, tools } = this.deps;
    const { tenant } = context.principal;
    const { state } = await tools.current(tenant, toolId);
    const tool = callable(state);
    const level = state.latest?.mcp?.level;
    // There is none, or it is called by nobody here.
    if (level === undefined && tool instanceof Rejection) return { ok: false, rejection: tool };
    const asked = { ...context, action: 'tool.call', attributes: { tool: toolId, level } };
    const outcome = await this.ask(asked, id, tool, args);
    if (!outcome.ok) return outcome;
    await this.underWay.get(calls.name(tenant, id));
    return { ...outcome, ...(await calls.current(tenant, id)) };
  }

  /** Asks for a call, and begins it once that is written down. */
  private async ask(
    asked: CommandContext,
    id: string,
    tool: Callable | Rejection,
    args: Arguments,
  ): Promise<ToolCallOutcome> {
    const { tenant } = asked.principal;
    if (tool instanceof Rejection) return await this.refuse(asked, id, tool);
    const slot = this.takeSlot(tenant);
    if (slot === undefined) return await this.refuse(asked, id, BUSY);
    let isBegun = false;
    try {
      const faultOf = await this.schemas.load();
      const call = callOf(tool, args, this.now());
      const outcome = await this.write(asked, id, call, () => refused(tool, args, faultOf));
      if (!outcome.ok || outcome.commit === undefined || outcome.repeated) return outcome;
      isBegun = true;
      this.begin(
        { stream: this.deps.calls.name(tenant, id), tenant, id, tool, args, until: call.until, asked, outcome },
        slot,
      );
      return outcome;
    } finally {
      if (!isBegun) this.slots.delete(slot);
    }
  }

  /** Policy and stops are asked all the same, and the answer to what comes again is the earlier one. */
  private refuse(asked: CommandContext, id: string, refusal: Rejection): Promise<ToolCallOutcome> {
    return this.deps.calls.decide(asked, id, asked.action, () => refusal);
  }

  /**
   * Policy and stops are asked, and it is written down that it was asked for. Whoever they refuse has no schema read:
   * `refused` is asked after them.
   */
  private async write(
    asked: CommandContext,
    id: string,
    call: CallOfTool,
    refused: () => Rejection | undefined,
  ): Promise<ToolCallOutcome> {
    const { calls, deadlines } = this.deps;
    const { tenant, id: by } = asked.principal;
    // Written before: a call that was asked for and has no deadline would stay so for ever.
    if ((await calls.load(tenant, id)).version < 0)
      await deadlines.schedule([{ stream: calls.name(tenant, id), reason: this.late, due: call.until }]);
    return await calls.decide(asked, id, asked.action, (state) => {
      const decided = askCall(call, by)(state);
      return decided instanceof Rejection ? decided : (refused() ?? decided);
    });
  }

  /** Looked for and taken without a pause: of a burst, no more get one than there are. */
  private takeSlot(tenant: string): Slot | undefined {
    const own = [...this.slots].filter((slot) => slot.tenant === tenant);
    if (this.stopping.signal.aborted || this.slots.size >= MAX_SLOTS || own.length >= MAX_SLOTS_PER_TENANT)
      return undefined;
    const slot = { tenant };
    this.slots.add(slot);
    return slot;
  }

  /** A person accepts what a tool is; what is refused leaves a receipt. */
  async pin(context: RequestContext, toolId: string, read: Reading): Promise<Outcome<ToolState, ToolEvent>> {
    const asked = { ...context, receiptOfRefusal: true, attributes: { ...read } };
    return await this.deps.tools.decide(asked, toolId, 'tool.pin', pinTool(read, context.principal));
  }

  load(tenant: string, id: string): Promise<Loaded<ToolCallState>> {
    return this.deps.calls.current(tenant, id);
  }

  /** Begins nothing any more, breaks off what is under way, and waits until that is written down. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.underWay.values());
  }

  private begin(call: Call, slot: Slot): void {
    const { stream } = call;
    const work = this.make(call)
      .catch((error: unknown) =>
        this.deps.report('the end of a call could not be noted', { stream, error: String(error) }),
      )
      .finally(() => {
        this.underWay.delete(stream);
        this.slots.delete(slot);
      });
    this.underWay.set(stream, work);
  }

  /** Makes the call, and writes down what came of it. */
  private async make(call: Call): Promise<void> {
    const { tenant, id } = call;
    const { signal } = this.stopping;
    const ending = await this.ended(call);
    // A busy store, or a stop of everything, must not make unknown what is known here.
    for (let wait = 50; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      const outcome = await settled(this.deps.calls.decide(this.following(call), id, 'tool.answer', endCall(ending)));
      if (outcome.ok) return;
      if (signal.aborted || this.now() >= call.until) throw new Error(`${tenant}: ${outcome.rejection.message}`);
      // One that stops tries once more.
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  private async ended(call: Call): Promise<CallEnding> {
    const { mcp } = call.tool.definition;
    const late = AbortSignal.timeout(mcp.timeout_seconds * 1_000);
    const signal = AbortSignal.any([late, this.stopping.signal]);
    const visit = this.deps.servers.visit({ tenant: call.tenant, url: mcp.url, name: mcp.tool }, signal);
    let called = false;
    try {
      const seen = await visit.look();
      const reason = await this.kept(call, seen);
      if (reason !== undefined) return { outcome: 'error', called, reason };
      called = true;
      return used(await visit.call(call.args), seen, await this.schemas.load());
    } catch (error) {
      if (late.aborted)
        return { outcome: 'timed_out', called, reason: `no answer within ${mcp.timeout_seconds} seconds` };
      const { lost, message } = this.faultIn(error, call.stream);
      return { outcome: called && lost ? 'unknown' : 'error', called, reason: message };
    } finally {
      await visit.end();
    }
  }

  /** What cut a call off, in words for whoever made it: of a fault of this host's own they get no more than that. */
  private faultIn(error: unknown, stream: string): Pick<ToolServerError, 'lost' | 'message'> {
    if (this.stopping.signal.aborted) return STOPPED;
    if (error instanceof ToolServerError) return error;
    this.deps.report('a call of a tool was cut off', { stream, error: String(error) });
    return FAILED;
  }

  /** Why it is not called after all, now that is known what the tool is. */
  private async kept(call: Call, seen: ToolInterface): Promise<string | undefined> {
    const { tool, asked, stream } = call;
    const { pin, definition } = tool;
    const unfit = unfitIn(seen, canonicalize(seen));
    if (unfit !== undefined) return `what the server says of its tool ${unfit}`;
    if (interfaceHash(seen) !== pin?.hash) {
      const found = interfaceFound(definition.version, seen);
      const outcome = await this.deps.tools.decide(this.following(call), tool.tool_id, 'tool.find', found);
      return outcome.ok ? unaccepted(pin) : `what the tool is could not be noted: ${outcome.rejection.message}`;
    }
    // It may have been stopped since it was asked for.
    return (await this.deps.standstill.refusal(asked, stream))?.message;
  }

  /** Says of a call that nobody has ended in time that its outcome is not known. */
  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.calls.current(tenant, id);
    if (state.status !== 'asked' || state.call === undefined) return undefined;
    if (state.call.until > this.now()) return state.call.until;
    const outcome = await this.deps.calls.decide(inNameOfTools(tenant), id, 'tool.answer', callTimePassed(this.now()));
    if (!outcome.ok) throw new Error(`the end of ${stream} was refused: ${outcome.rejection.message}`);
    return undefined;
  }

  private following({ tenant, outcome }: Call): RequestContext {
    return { ...inNameOfTools(tenant), cause: outcome.commit && causeOf(outcome.commit) };
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** Why nothing is called, as far as that can be said of the arguments. */
function refused({ definition, pin }: Callable, args: Arguments, faultOf: FaultOf): Rejection | undefined {
  if (holdsMark(JSON.stringify(args)))
    return new Rejection('invalid', 'arguments-invalid', 'what is marked as personal goes to no tool');
  if (pin === undefined) return undefined;
  const fault = faultOf(definition.schema, args) ?? faultOf(pin.interface.inputSchema, args);
  return fault === undefined ? undefined : new Rejection('invalid', 'arguments-invalid', `the arguments: ${fault}`);
}

function callOf({ tool_id, definition, pin }: Callable, args: Arguments, now: Time): CallOfTool {
  const { version: tool_version, mcp } = definition;
  return {
    tool_id,
    tool_version,
    ...(pin !== undefined && { pin: pin.hash }),
    url: mcp.url,
    tool: mcp.tool,
    arguments_hash: sha256(canonicalize(args)),
    until: plusSeconds(now, mcp.timeout_seconds + GRACE_SECONDS),
  };
}

/** What a tool has answered, where it can be used. It is data, whatever it says. */
function used(result: RemoteResult, { outputSchema }: ToolInterface, faultOf: FaultOf): CallEnding {
  const { content, structuredContent: structured_content, isError } = result;
  const kept: ToolResult = { content, ...(structured_content !== undefined && { structured_content }) };
  const text = canonicalize(kept);
  const unusable = (reason: string): CallEnding => ({ outcome: 'error', called: true, reason });
  if (Buffer.byteLength(text) > MAX_RESULT_BYTES) return unusable(`the result has more than ${MAX_RESULT_BYTES} bytes`);
  const unfit = unfitIn(kept, text);
  if (unfit !== undefined) return unusable(`the result ${unfit}`);
  if (isError) return { ...unusable('the tool says that it has failed'), result: kept };
  // What differs, the server has written: it is not repeated.
  const isForeign =
    outputSchema !== undefined &&
    (structured_content === undefined || faultOf(outputSchema, structured_content) !== undefined);
  if (isForeign) return unusable('the structured content has not the form of the accepted schema');
  return { outcome: 'ok', called: true, result: kept };
}

/** Why what a server has sent is not stored, if so. `text`: its canonical form. */
function unfitIn(sent: object, text: string): string | undefined {
  if (mayHoldSecret(text) && secretsIn(sent, 1).length > 0)
    return 'holds what looks like a secret: nothing of it was stored';
  return holdsMark(text) ? 'holds what has the form of personal data: nothing of it was stored' : undefined;
}

/** In whose name it is written down what a tool is, and what came of a call. */
function inNameOfTools(tenant: string): Pick<RequestContext, 'principal' | 'reaction'> {
  const principal: Principal = { tenant, id: 'tools', kind: 'system', level: 'execute' };
  return { principal, reaction: true };
}
