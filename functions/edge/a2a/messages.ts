/** What is sent by A2A: messages, and what is asked for. Everything has a bound; what is unknown is left out. */
import { z } from 'zod';
import { Timestamp } from '../../../contract/common';
import { HOPS_KEY, MAX_HOPS } from '../../../domain/kernel/hops';
import { misformed } from '../route';
import { A2aError, type Violation, violationsOf, wrong } from './errors';
import { STATES } from './tasks';

/** Most parts of a message. */
const MAX_PARTS = 100;
/** Most extensions, tasks and media types that one names. */
const MAX_NAMED = 100;
/** Longest id of a message and media type, in characters. */
const MAX_NAME = 200;
const MAX_FILE_NAME = 1_000;
const MAX_URL = 8_000;
/** Most tasks of a page, and longest place in a list. */
const MAX_PAGE = 100;
const MAX_TOKEN = 300;

/** Media types of what agents here are given. */
export const INPUT_MODES = [
  'text/*',
  'application/json',
  'application/pdf',
  'application/xml',
  'application/zip',
  'application/octet-stream',
  'image/*',
  'audio/*',
  'video/*',
];

/** Where in a message's metadata stands what of its task shall be otherwise: fields of `POST /v1/tasks`. */
export const TASK_KEY = 'dev.formicary/task';

/** Empty is what is not there: so is the protocol's wire. */
const maybe = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' || value === null ? undefined : value), schema.optional());

const Metadata = z.record(z.string(), z.unknown());
const CONTENTS = ['text', 'raw', 'url', 'data'] as const;

const PartInput = z
  .object({
    text: z.string().optional(),
    raw: z.base64().optional(),
    url: z
      .url({ protocol: /^https?$/ })
      .max(MAX_URL)
      .optional(),
    data: z.unknown().optional(),
    metadata: maybe(Metadata),
    filename: maybe(z.string().max(MAX_FILE_NAME)),
    mediaType: maybe(z.string().max(MAX_NAME)),
  })
  .refine(
    (part) => CONTENTS.filter((name) => Object.hasOwn(part, name) && part[name] != null).length === 1,
    `must have one of ${CONTENTS.join(', ')}`,
  );

const MessageInput = z.object({
  messageId: z.string().min(1).max(MAX_NAME),
  contextId: maybe(z.string()),
  taskId: maybe(z.string()),
  role: z.literal('ROLE_USER'),
  parts: z.array(PartInput).min(1).max(MAX_PARTS),
  metadata: maybe(Metadata),
  extensions: maybe(z.array(z.string().max(MAX_URL)).max(MAX_NAMED)),
  referenceTaskIds: maybe(z.array(z.string().max(MAX_NAME)).max(MAX_NAMED)),
});

const HistoryLength = maybe(z.int().min(0));

export const SendInput = z.object({
  tenant: maybe(z.string()),
  message: MessageInput,
  configuration: maybe(
    z.object({
      acceptedOutputModes: maybe(z.array(z.string().max(MAX_NAME)).max(MAX_NAMED)),
      historyLength: HistoryLength,
      returnImmediately: maybe(z.boolean()),
      taskPushNotificationConfig: z.unknown().optional(),
    }),
  ),
  metadata: maybe(Metadata),
});
export type Sent = z.output<typeof SendInput>;

const TaskId = z.string().min(1).max(MAX_NAME);
export const GetInput = z.object({ tenant: maybe(z.string()), id: TaskId, historyLength: HistoryLength });
export const ListInput = z.object({
  tenant: maybe(z.string()),
  contextId: maybe(z.string()),
  status: z.preprocess(
    (value) => (value === 'TASK_STATE_UNSPECIFIED' || value === '' || value === null ? undefined : value),
    z.enum(STATES).optional(),
  ),
  pageSize: maybe(z.int().min(1).max(MAX_PAGE)),
  pageToken: maybe(z.string().max(MAX_TOKEN)),
  historyLength: HistoryLength,
  statusTimestampAfter: maybe(Timestamp),
  includeArtifacts: maybe(z.boolean()),
});
export const CardInput = z.object({ tenant: maybe(z.string()) });
export const ByIdInput = z.object({ tenant: maybe(z.string()), id: TaskId });

/** Reads what is asked for; what is wrong is told by its name. Throws `A2aError`. */
export function read<T extends z.ZodType>(schema: T, params: unknown): z.output<T> {
  const { success, data, error } = schema.safeParse(params);
  if (success) return data;
  const violations = violationsOf(misformed('request', error).document.errors);
  const [first] = violations as [Violation];
  throw new A2aError('INVALID_PARAMS', `Invalid parameters: ${first.field} ${first.description}.`, violations);
}

/** Throws for what a message may not bring: media types that are none of the card's. */
export function checkModes({ parts }: Sent['message']): void {
  for (const { mediaType } of parts) {
    if (mediaType === undefined || isTaken(mediaType)) continue;
    throw new A2aError(
      'CONTENT_TYPE_NOT_SUPPORTED',
      `${mediaType} is not taken here; these are: ${INPUT_MODES.join(', ')}.`,
    );
  }
}

/** Throws for a message that was handed on too often, or says so in no number. */
export function checkHops({ metadata }: Sent['message']): void {
  const hops = metadata?.[HOPS_KEY] ?? 0;
  if (Number.isSafeInteger(hops) && (hops as number) >= 0 && (hops as number) <= MAX_HOPS) return;
  throw wrong(
    `message.metadata.${HOPS_KEY}`,
    `must be a whole number from 0 to ${MAX_HOPS}: what more colonies have handed on goes round`,
  );
}

function isTaken(mediaType: string): boolean {
  const [type = ''] = mediaType.toLowerCase().split(';');
  return INPUT_MODES.some((mode) =>
    mode.endsWith('/*') ? type.trim().startsWith(mode.slice(0, -1)) : type.trim() === mode,
  );
}

/** A tenant that somebody names has to be its own: the token says whose it is. */
export function checkTenant(named: string | undefined, own: string): void {
  if (named !== undefined && named !== own) throw wrong('tenant', 'must be left out, or be that of the token');
}
