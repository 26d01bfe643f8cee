/**
 * What a person is told: that something waits for them, how bad it is, until when, and where to decide it; or that a
 * task or a job has ended, which a program may want to know as well. And how that reads in a webhook of anybody's, as a
 * CloudEvent, in Teams, in Slack and in a mail.
 *
 * Everything in it may have been written by an agent that means harm. So a notice is cut to size and cleared of what
 * can't be seen when it is made, and every rendering says its texts as plain text, or escapes them.
 */
import { markupText, shorten } from '../kernel/text';
import type { Time } from '../kernel/time';

/** What says that something has ended, and asks for nothing. */
export const END_EVENTS = ['task-ended', 'job-ended'] as const;
export type EndEvent = (typeof END_EVENTS)[number];
/** What a notice can be about; a channel names those that it wants. */
export const NOTICE_EVENTS = [
  'approval-requested',
  'approval-escalated',
  'veto-window-opened',
  'round-escalated',
  ...END_EVENTS,
] as const;
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

/** What has ended: a task, perhaps one of a job; or a job. */
export interface EndedWork {
  readonly task?: string;
  readonly task_type?: string;
  readonly job?: string;
  /** How: a status of tasks, or of jobs. */
  readonly status: string;
}

/** Least first. */
export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;
export type NoticeSeverity = (typeof SEVERITIES)[number];

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** What a person is told, in the words of whoever asks. */
export interface Matter {
  /** The same each time the same thing is told. */
  readonly id: string;
  readonly event: NoticeEvent;
  /** What it is about, in a line, for example `payment.release`. */
  readonly subject: string;
  /** What a person needs to know first. */
  readonly summary: string;
  readonly severity: NoticeSeverity;
  readonly facts: readonly Fact[];
  /** When it came up. */
  readonly at: Time;
  /** Until when it can be decided; none where nothing is to be. */
  readonly deadline?: Time;
  /** Where it can be looked at and decided: an absolute URL. */
  readonly link: string;
  /** Of an end. */
  readonly ended?: EndedWork;
}

/** A matter, fit to be sent. Lengths are UTF-16 code units. */
export interface Notice {
  readonly id: string;
  readonly event: NoticeEvent;
  /** One line, at most 150. */
  readonly title: string;
  /** At most 1,500. */
  readonly summary: string;
  readonly severity: NoticeSeverity;
  /** At most 10, names of at most 60 and values of at most 300, one line each. */
  readonly facts: readonly Fact[];
  readonly at: Time;
  readonly deadline?: Time;
  /** Origin and path alone, at most 500: whatever else a URL can hold could be a secret. */
  readonly link: string;
  readonly ended?: EndedWork;
}

// A unit of a text takes at most 3 bytes in JSON, so these limits keep a card for Teams below its 28 KB.
const MAX_TITLE = 150;
const MAX_SUMMARY = 1_500;
const MAX_FACTS = 10;
const MAX_NAME = 60;
const MAX_VALUE = 300;
const MAX_LINK = 500;

const ASKS: Readonly<Record<NoticeEvent, string>> = {
  'approval-requested': 'Approval needed',
  'approval-escalated': 'Approval escalated to you',
  'veto-window-opened': 'Happens unless vetoed',
  'round-escalated': 'Agents could not agree',
  'task-ended': 'A task has ended',
  'job-ended': 'A job has ended',
};

/** The matter as a notice. Throws on a link that is no absolute URL with a host, or too long to send. */
export function noticeOf({ id, event, subject, summary, severity, facts, at, deadline, link, ended }: Matter): Notice {
  return {
    id,
    event,
    title: shorten(line(`${ASKS[event]}: ${subject}`), MAX_TITLE),
    summary: shorten(visible(summary).trim(), MAX_SUMMARY),
    severity,
    facts: facts
      .slice(0, MAX_FACTS)
      .map(({ name, value }) => ({ name: shorten(line(name), MAX_NAME), value: shorten(line(value), MAX_VALUE) })),
    at,
    ...(deadline !== undefined && { deadline }),
    link: withoutSecrets(link),
    ...(ended !== undefined && { ended }),
  };
}

// ----------------------------------------------------------------------------------------------------- renderings

/** The body of a Standard Webhook: type, time, data. */
export function asStandard({
  id,
  event,
  title,
  summary,
  severity,
  facts,
  at,
  deadline,
  link,
  ended,
}: Notice): Record<string, unknown> {
  return {
    type: event,
    timestamp: at,
    data: {
      id,
      title,
      summary,
      severity,
      facts: facts.map(({ name, value }) => ({ name, value })),
      ...(deadline !== undefined && { deadline }),
      link,
      ...ended,
    },
  };
}

/** The same as a CloudEvent 1.0 in its JSON format; its source is the tenant. */
export function asCloudEvent(tenant: string, notice: Notice): Record<string, unknown> {
  const { type, timestamp, data } = asStandard(notice);
  return {
    specversion: '1.0',
    id: notice.id,
    source: `/${tenant}`,
    type: `formicary.notice.${String(type)}.v1`,
    time: timestamp,
    datacontenttype: 'application/json',
    data,
  };
}

const TEAMS_COLOURS: Readonly<Record<NoticeSeverity, string>> = {
  low: 'Default',
  medium: 'Accent',
  high: 'Warning',
  critical: 'Attention',
};

/**
 * A message with an Adaptive Card, as an incoming webhook of Teams takes it, below 28 KB. Texts are runs of a
 * RichTextBlock, which are shown as they are; a TextBlock and a FactSet would read Markdown.
 */
export function asTeams(notice: Notice): Record<string, unknown> {
  const run = (text: string, style: Record<string, unknown> = {}) => ({
    type: 'TextRun',
    text: withoutMacros(text),
    ...style,
  });
  const block = (...inlines: unknown[]) => ({ type: 'RichTextBlock', inlines });
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [
            block(run(notice.title, { size: 'Large', weight: 'Bolder', color: TEAMS_COLOURS[notice.severity] })),
            ...paragraphs(notice).map((text) => block(run(text))),
            ...factsOf(notice).map(({ name, value }) => block(run(`${name}: `, { weight: 'Bolder' }), run(value))),
          ],
          actions: [{ type: 'Action.OpenUrl', title: linkText(notice), url: notice.link }],
        },
      },
    ],
  };
}

/** Slack: at most 3,000 characters a text, 2,000 a field, 150 a header, 10 fields a section, 50 blocks. */
export function asSlack(notice: Notice): Record<string, unknown> {
  const plain = (text: string, longest: number) => ({
    type: 'plain_text',
    text: slackText(text, longest),
    emoji: false,
  });
  const facts = factsOf(notice).map(({ name, value }) => plain(`${name}\n${value}`, 2_000));
  return {
    // What a notification on a phone shows.
    text: slackText(notice.title, 3_000),
    mrkdwn: false,
    parse: 'none',
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(notice.title, 150) },
      ...paragraphs(notice).map((text) => ({ type: 'section', text: plain(text, 3_000) })),
      { type: 'section', fields: facts.slice(0, 10) },
      ...(facts.length > 10 ? [{ type: 'section', fields: facts.slice(10) }] : []),
      // The only markup, around nothing but our own link.
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: `<${slackText(notice.link, 2_900).replaceAll('|', '%7C')}|${linkText(notice)}>`,
          verbatim: true,
        },
      },
    ],
  };
}

export interface MailText {
  /** One line. */
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export function asMail(notice: Notice): MailText {
  const facts = factsOf(notice);
  const rows = facts.map(
    ({ name, value }) => `<tr><th align="left">${markupText(name)}</th><td>${markupText(value)}</td></tr>`,
  );
  return {
    subject: `[${notice.severity}] ${notice.title}`,
    text: [
      notice.title,
      '',
      ...paragraphs(notice).flatMap((text) => [text, '']),
      ...facts.map(({ name, value }) => `${name}: ${value}`),
      '',
      `${linkText(notice)}: ${notice.link}`,
      '',
    ].join('\n'),
    html: [
      `<h1>${markupText(notice.title)}</h1>`,
      ...paragraphs(notice).map((text) => `<p style="white-space: pre-wrap">${markupText(text)}</p>`),
      `<table>${rows.join('')}</table>`,
      `<p><a href="${markupText(notice.link)}">${linkText(notice)}</a></p>`,
    ].join('\n'),
  };
}

function linkText({ deadline }: Notice): string {
  return deadline === undefined ? 'Look at it' : 'Look at it and decide';
}

/** The summary, when there is one: no renderer takes an empty text. */
function paragraphs({ summary }: Notice): string[] {
  return summary === '' ? [] : [summary];
}

/**
 * What every rendering lists: the severity, the deadline where there is one, then the notice's own. A name without a
 * value says nothing.
 */
function factsOf({ severity, deadline, facts }: Notice): Fact[] {
  return [
    { name: 'Severity', value: severity },
    ...(deadline === undefined ? [] : [{ name: 'Decide before', value: deadline }]),
    ...facts.filter(({ value }) => value !== ''),
  ];
}

// ----------------------------------------------------------------------------------------------------------- text

/** Without control characters (but for line feeds) and without what hides or turns other text around. */
function visible(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
    .replaceAll(/(?!\n)[\p{Cc}\p{Cf}]/gu, '');
}

function line(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ')).trim();
}

const SLACK_ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * Slack reads these three characters as markup even in plain text; everything else there is text. The escaped text has
 * at most `longest` UTF-16 code units, and no escape is cut in two.
 */
function slackText(text: string, longest: number): string {
  const escaped = Array.from(text, (character) => SLACK_ESCAPES[character] ?? character);
  let length = 0;
  const fitting = escaped.findIndex((piece) => (length += piece.length) >= longest);
  const whole = escaped.join('');
  return whole.length <= longest ? whole : `${escaped.slice(0, fitting).join('')}…`;
}

/** Adaptive Cards compute `{{DATE(…)}}` in any text. */
function withoutMacros(text: string): string {
  return text.replaceAll(/\{(?=\{)/g, '{ ');
}

function withoutSecrets(link: string): string {
  const { origin, pathname } = new URL(link);
  const kept = `${origin}${pathname}`;
  if (origin === 'null' || kept.length > MAX_LINK)
    throw new RangeError(
      `a notice can't lead to ${shorten(kept, 100)}: give an absolute URL of at most ${MAX_LINK} characters`,
    );
  return kept;
}
