/**
 * A tool in the registry: what it is, its versions, whether it should still be used. A version never changes once it
 * is registered; a deprecated tool comes back with a new version. One that a server of MCP offers is called only as
 * people have accepted it: when the server says something else of it, it rests until they have accepted that.
 */
import { canonicalize, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isEndpoint } from '../kernel/endpoint';
import { isId } from '../kernel/ids';
import { type Level, LEVELS, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import type { Time } from '../kernel/time';
import { interfaceHash, type ToolInterface } from './tool-interface';

/** What generated code may do, least first. */
export const SANDBOX_LEVELS = ['restricted', 'moderate', 'permissive'] as const;
export type SandboxLevel = (typeof SANDBOX_LEVELS)[number];

/** Largest code that an event holds, in bytes of UTF-8; more goes to the blob archive. */
export const MAX_CODE_BYTES = 128 * 1024;
/** Longest texts, in characters, and how many operations or tags one may have. */
export const MAX_NAME = 128;
export const MAX_DESCRIPTION = 4_000;
export const MAX_DEPRECATION_REASON = 1_000;
export const MAX_LISTED = 200;
/** How many versions a tool's state remembers; the receipts keep all. */
export const MAX_VERSIONS = 100;
/** Longest name that a server has for a tool, in characters, and longest time for a call, in seconds. */
export const MAX_REMOTE_NAME = 128;
export const MAX_CALL_SECONDS = 60;

// --------------------------------------------------------------------------------------------------------- events

/** Where a tool is called that a server of MCP offers. */
export interface McpEndpoint {
  /** An https URL, or plain http to this machine, without credentials, query and fragment. */
  readonly url: string;
  /** The name that the server has for it. */
  readonly tool: string;
  /** What whoever calls it must hold. */
  readonly level: Level;
  /** For all that goes out for one call. */
  readonly timeout_seconds: number;
}

/** One version of a tool, as its author gave it. Field names are the wire's. */
export interface ToolDefinition {
  readonly tool_name: string;
  readonly description: string;
  /** JSON Schema of the arguments, an object. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly sandbox_level: SandboxLevel;
  /** The API that it reaches, for example `Salesforce`. */
  readonly api_name?: string;
  /** For example `query_leads`, each once. */
  readonly operations: readonly string[];
  readonly owner: string;
  /** `MAJOR.MINOR.PATCH`. */
  readonly version: string;
  /** Source text; a tool without code is one that is called elsewhere. */
  readonly code?: string;
  /** Instead of `code`: `sha256:<hex>` in the blob archive. */
  readonly code_ref?: string;
  /** Instead of `code`: it is called here, at a server of MCP. */
  readonly mcp?: McpEndpoint;
  readonly tags: readonly string[];
}

export interface Deprecation {
  readonly reason: string;
  /** Id of the tool to use instead. */
  readonly replacement?: string;
}

export type ToolEvent =
  | Event<'ToolRegistered', { tool_id: string } & ToolDefinition>
  | Event<'ToolVersionRegistered', { tool_id: string } & ToolDefinition>
  | Event<'ToolDeprecated', { tool_id: string } & Deprecation>
  /** Its server says something of it that people have not accepted. */
  | Event<'ToolInterfaceFound', { tool_id: string; hash: string; interface: ToolInterface }>
  /** A person has accepted the interface with this hash, which was found, for the newest version of the tool. */
  | Event<'ToolPinned', { tool_id: string; hash: string; by: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface ToolVersion {
  readonly version: string;
  /** SHA-256 over the RFC 8785 form of the definition: the same content has the same. */
  readonly content: string;
  readonly registered_at: Time;
  /** Index of the commit that holds the definition with its code. */
  readonly index: number;
}

/** What its server says of it, which nobody has accepted. */
export interface FoundInterface {
  readonly hash: string;
  readonly at: Time;
  readonly interface: ToolInterface;
}

/** The interface that people have accepted. */
export interface ToolPin extends FoundInterface {
  readonly by: string;
}

export const TOOL_STATUSES = ['active', 'deprecated'] as const;

export interface ToolState {
  readonly status: 'unknown' | (typeof TOOL_STATUSES)[number];
  readonly tool_id: string;
  /** The newest version, whole. */
  readonly latest: ToolDefinition | undefined;
  /** Oldest first, the last 100. */
  readonly versions: readonly ToolVersion[];
  readonly deprecation: Deprecation | undefined;
  /** Of the newest version: a higher one is accepted anew. */
  readonly pin?: ToolPin;
  /** While it stands, the tool is not called. */
  readonly found?: FoundInterface;
}

export const toolDecider: Decider<ToolState, ToolEvent> = {
  category: 'tool',
  causal: 7,
  version: 3,
  initial: { status: 'unknown', tool_id: '', latest: undefined, versions: [], deprecation: undefined },
  evolve(state, event, place) {
    switch (event.type) {
      case 'ToolRegistered':
      case 'ToolVersionRegistered': {
        const { tool_id, ...latest } = event.data;
        const added = {
          version: latest.version,
          content: contentOf(latest),
          registered_at: place.at,
          index: place.index,
        };
        return {
          status: 'active',
          tool_id,
          latest,
          versions: [...state.versions, added].slice(-MAX_VERSIONS),
          deprecation: undefined,
          pin: undefined,
          found: undefined,
        };
      }
      case 'ToolDeprecated': {
        const { tool_id: _, ...deprecation } = event.data;
        return { ...state, status: 'deprecated', deprecation };
      }
      case 'ToolInterfaceFound': {
        const { tool_id: _, ...seen } = event.data;
        return { ...state, found: { ...seen, at: place.at } };
      }
      case 'ToolPinned': {
        const { hash, by } = event.data;
        const seen = foundIn(state, hash);
        // Once a hash could be accepted that nobody had seen: what it stands for is accepted anew.
        if (seen === undefined) return state;
        return { ...state, pin: { hash, by, at: place.at, interface: seen.interface }, found: undefined };
      }
    }
  },
};

/** What is wrong with a definition, a sentence for each fault. */
export function toolProblems(tool_id: string, tool: ToolDefinition): string[] {
  const problems: string[] = [];
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need(isId(tool_id), 'tool_id must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
  need(isText(tool.tool_name, MAX_NAME), textRule('tool_name', MAX_NAME));
  need(isText(tool.description, MAX_DESCRIPTION), textRule('description', MAX_DESCRIPTION));
  need(
    typeof tool.schema === 'object' && tool.schema !== null && !Array.isArray(tool.schema),
    'schema must be a JSON Schema, an object',
  );
  need(SANDBOX_LEVELS.includes(tool.sandbox_level), `sandbox_level must be one of ${SANDBOX_LEVELS.join(', ')}`);
  need(tool.api_name === undefined || isText(tool.api_name, MAX_NAME), textRule('api_name', MAX_NAME));
  need(isSet(tool.operations), `operations must be a list of at most ${MAX_LISTED} ids, each once`);
  need(isId(tool.owner), 'owner must be an id');
  need(VERSION.test(tool.version), 'version must be MAJOR.MINOR.PATCH');
  need(tool.code === undefined || tool.code_ref === undefined, 'code and code_ref exclude each other');
  need(
    tool.code === undefined || Buffer.byteLength(tool.code) <= MAX_CODE_BYTES,
    `code must be at most ${MAX_CODE_BYTES} bytes: put it into the blob archive and give code_ref`,
  );
  need(tool.code_ref === undefined || BLOB.test(tool.code_ref), 'code_ref must be sha256: and 64 hexadecimal digits');
  need(isSet(tool.tags), `tags must be a list of at most ${MAX_LISTED} ids, each once`);
  if (tool.mcp !== undefined) {
    const { url, tool: name, level, timeout_seconds } = tool.mcp;
    need(tool.code === undefined && tool.code_ref === undefined, 'mcp excludes code and code_ref');
    need(
      isEndpoint(url),
      'mcp.url must be an https URL, or http to this machine, without credentials, query and fragment',
    );
    need(isText(name, MAX_REMOTE_NAME), textRule('mcp.tool', MAX_REMOTE_NAME));
    need(LEVELS.includes(level), `mcp.level must be one of ${LEVELS.join(', ')}`);
    need(
      Number.isInteger(timeout_seconds) && timeout_seconds >= 1 && timeout_seconds <= MAX_CALL_SECONDS,
      `mcp.timeout_seconds must be 1 to ${MAX_CALL_SECONDS}`,
    );
  }
  return problems;
}

/** What a call of it needs to know. */
export interface Callable {
  readonly tool_id: string;
  readonly definition: ToolDefinition & { readonly mcp: McpEndpoint };
  /** Left out where nobody has accepted it yet: then a call only sees what it is. */
  readonly pin: ToolPin | undefined;
}

/** Why a tool is not called whose interface people have not accepted; `pin` is what they have. */
export function unaccepted(pin: ToolPin | undefined): string {
  const why =
    pin === undefined
      ? 'nobody has accepted the tool yet'
      : 'the server says something else of the tool than people have accepted';
  return `${why}: it was not called; a person reads what it is, and accepts it by its hash`;
}

/** The tool as it may be called now, or why it may not. */
export function callable({ tool_id, latest, pin, found }: ToolState): Callable | Rejection {
  if (latest === undefined) return NO_TOOL;
  const { mcp } = latest;
  if (mcp === undefined) return refuse('tool-not-callable', 'the tool is not called here: it names no server of MCP');
  if (found !== undefined)
    return refuse(pin === undefined ? 'tool-not-pinned' : 'tool-changed', unaccepted(pin), {
      hash: found.hash,
      pinned: pin?.hash,
    });
  return { tool_id, definition: { ...latest, mcp }, pin };
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Registers the tool, or a higher version of it. The same version with the same content changes nothing. */
export function register(tool_id: string, tool: ToolDefinition): Decision<ToolState, ToolEvent> {
  return (state) => {
    const problems = toolProblems(tool_id, tool);
    if (problems.length > 0) return new Rejection('invalid', 'tool-invalid', problems.join('; '), { problems });
    const data = { tool_id, ...tool };
    if (state.latest === undefined) return [{ type: 'ToolRegistered', v: 1, data }];
    const known = state.versions.find(({ version }) => version === tool.version);
    if (known !== undefined) {
      if (known.content === contentOf(tool)) return [];
      return refuse(
        'tool-version-exists',
        `version ${tool.version} is registered with other content: register a higher one`,
        { version: state.latest.version },
      );
    }
    if (!isHigher(tool.version, state.latest.version)) {
      return refuse(
        'tool-version-too-low',
        `version ${tool.version} is not above ${state.latest.version}: register a higher one`,
        { version: state.latest.version },
      );
    }
    return [{ type: 'ToolVersionRegistered', v: 1, data }];
  };
}

/** Says that the tool should not be used any more, and what to use instead. */
export function deprecate(deprecation: Deprecation): Decision<ToolState, ToolEvent> {
  return (state) => {
    if (state.status === 'unknown') return NO_TOOL;
    const { tool_id, deprecation: current } = state;
    const { reason, replacement } = deprecation;
    if (!isText(reason, MAX_DEPRECATION_REASON))
      return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_DEPRECATION_REASON));
    if (replacement !== undefined && (!isId(replacement) || replacement === tool_id)) {
      return new Rejection('invalid', 'replacement-invalid', 'replacement must be the id of another tool');
    }
    if (current?.reason === reason && current.replacement === replacement) return [];
    return [{ type: 'ToolDeprecated', v: 1, data: { tool_id, reason, replacement } }];
  };
}

/** What the server says of the tool of this version. The state remembers it where nobody has accepted it. */
export function interfaceFound(version: string, seen: ToolInterface): Decision<ToolState, ToolEvent> {
  return (state) => {
    const { tool_id, latest } = state;
    const hash = interfaceHash(seen);
    // Another version may name another server.
    if (latest?.version !== version || foundIn(state, hash) !== undefined) return [];
    return [{ type: 'ToolInterfaceFound', v: 1, data: { tool_id, hash, interface: seen } }];
  };
}

/** What a person has read, and accepts. */
export interface Reading {
  /** Of the registration, which says where it is called and by whom: the newest. */
  readonly version: string;
  /** Of the interface, as it was found or accepted before. */
  readonly hash: string;
}

/** Accepts the interface with this hash: the tool is called from now on, as long as it is that one. */
export function pinTool({ version, hash }: Reading, { id, kind }: Principal): Decision<ToolState, ToolEvent> {
  return (state) => {
    if (state.status === 'unknown') return NO_TOOL;
    const { tool_id, latest, pin: current, found } = state;
    if (latest?.mcp === undefined) return refuse('tool-not-callable', 'the tool names no server of MCP');
    if (kind !== 'human')
      return new Rejection('forbidden', 'tool-pin-by-person', 'only a person accepts what a tool is');
    if (version !== latest.version)
      return refuse(
        'tool-version-superseded',
        `version ${version} is not the newest, which is ${latest.version}: read that one, and what was found of it`,
        { version: latest.version },
      );
    if (foundIn(state, hash) === undefined)
      return refuse(
        'tool-interface-unknown',
        'the server was not found to say what has this hash: call the tool, read what is found then, and accept that',
        { found: found?.hash, pinned: current?.hash },
      );
    if (current?.hash === hash && found === undefined) return [];
    return [{ type: 'ToolPinned', v: 1, data: { tool_id, hash, by: id } }];
  };
}

/** What is known of the newest version under this hash. */
function foundIn({ found, pin }: ToolState, hash: string): FoundInterface | undefined {
  return [found, pin].find((one) => one?.hash === hash);
}

const NO_TOOL = new Rejection('missing', 'tool-not-found', 'there is no tool with this id');
const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;
const BLOB = /^sha256:[0-9a-f]{64}$/;

function isSet(values: readonly string[]): boolean {
  return values.length <= MAX_LISTED && values.every(isId) && new Set(values).size === values.length;
}

function contentOf(tool: ToolDefinition): string {
  return sha256(canonicalize(tool));
}

function isHigher(version: string, than: string): boolean {
  const [a, b] = [version.split('.').map(Number), than.split('.').map(Number)];
  const differs = a.findIndex((number, part) => number !== b[part]);
  return differs >= 0 && (a[differs] as number) > (b[differs] as number);
}
