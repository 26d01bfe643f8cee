import fc from 'fast-check';
import {
  asMail,
  asSlack,
  asStandard,
  asTeams,
  type Matter,
  type Notice,
  NOTICE_EVENTS,
  noticeOf,
  SEVERITIES,
} from '../../domain/notices/notice';

const matter: Matter = {
  id: 'approval-1@0',
  event: 'approval-requested',
  subject: 'payment.release',
  summary: 'Pay 900 to Ann.',
  severity: 'critical',
  facts: [{ name: 'Asked by', value: 'clerk-7' }],
  at: '2026-11-21T10:00:00.000Z',
  deadline: '2026-11-21T11:00:00.000Z',
  link: 'https://formicary.example/approvals/1',
};

/** Texts that mean harm: markup of every receiver, invisible characters, halves of characters, much of everything. */
const EVIL = [
  '<!channel>',
  '<https://evil.example|here>',
  '*bold*',
  '[click](https://evil.example)',
  '{{DATE(2026-01-01T00:00:00Z)}}',
  '<script>alert(1)</script>',
  '"><img src=x onerror=a>',
  "' onclick='x",
  '&amp;',
  '\r\nBcc: all@example.org',
  '\u202Egnp.exe',
  '\u0000',
  '\u200B',
  '\uD83D',
  '😀',
  '|',
  '`',
  '@here',
  '\u2028',
  '世',
];
const evil = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom(...EVIL), fc.string({ unit: 'binary' })), { maxLength: 40 })
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom('&', '"', '世', '😀', '{', '<', '\\', '\n'), fc.integer({ min: 1, max: 5_000 }))
    .map(([character, times]) => character.repeat(times)),
);
const anyMatter: fc.Arbitrary<Matter> = fc.record({
  id: fc.constant('n-1'),
  event: fc.constantFrom(...NOTICE_EVENTS),
  subject: evil,
  summary: evil,
  severity: fc.constantFrom(...SEVERITIES),
  facts: fc.array(fc.record({ name: evil, value: evil }), { maxLength: 30 }),
  at: fc.constant(matter.at),
  deadline: fc.constant(matter.deadline),
  link: fc
    .webUrl({ size: 'small', withQueryParameters: true, withFragments: true })
    .filter((link) => link.length < 400),
});

type Node = { readonly [key: string]: unknown };

/** Every object in a payload. */
function nodes(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodes);
  return typeof value === 'object' && value !== null ? [value as Node, ...Object.values(value).flatMap(nodes)] : [];
}

/** Every text in a payload. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
}

const check = (property: (notice: Notice) => void) =>
  fc.assert(
    fc.property(anyMatter, (any) => property(noticeOf(any))),
    { numRuns: 100 },
  );

describe('a notice', () => {
  test('says what is asked', () => {
    expect(noticeOf(matter)).toEqual({
      id: matter.id,
      event: matter.event,
      title: 'Approval needed: payment.release',
      summary: matter.summary,
      severity: 'critical',
      facts: matter.facts,
      at: matter.at,
      deadline: matter.deadline,
      link: matter.link,
    });
  });

  test('is small, well-formed and shows all that it holds', () => {
    check(({ title, summary, facts }) => {
      expect(title.length).toBeLessThanOrEqual(150);
      expect(summary.length).toBeLessThanOrEqual(1_500);
      expect(facts.length).toBeLessThanOrEqual(10);
      for (const { name, value } of facts) expect([name.length <= 60, value.length <= 300]).toEqual([true, true]);
      for (const text of texts([title, summary, facts])) {
        expect(text.isWellFormed()).toBe(true);
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
      }
      for (const line of [title, ...facts.flatMap(({ name, value }) => [name, value])])
        expect(line).not.toMatch(/[\r\n]/);
    });
  });

  test('keeps the lines of its summary', () =>
    expect(noticeOf({ ...matter, summary: 'a\r\nb\rc\nd\u2028e' }).summary).toBe('a\nb\nc\nd\ne'));

  test('made of a notice that was cut says so', () => {
    expect(noticeOf({ ...matter, summary: 'x'.repeat(1_500) }).summary).toBe('x'.repeat(1_500));
    expect(noticeOf({ ...matter, summary: 'x'.repeat(1_501) }).summary).toBe(`${'x'.repeat(1_499)}…`);
    expect(noticeOf({ ...matter, summary: `${'x'.repeat(1_498)}😀😀` }).summary).toBe(`${'x'.repeat(1_498)}…`);
  });

  test.each([
    ['https://user:word@formicary.example/a?token=abc#def', 'https://formicary.example/a'],
    ['http://127.0.0.1:7071/approvals/1', 'http://127.0.0.1:7071/approvals/1'],
  ])('leads back without a secret: %s', (link, kept) => expect(noticeOf({ ...matter, link }).link).toBe(kept));

  test.each([
    '/approvals/1',
    'javascript:alert(1)',
    'data:text/html,x',
    `https://formicary.example/${'x'.repeat(500)}`,
  ])('does not lead to %.30s', (link) => {
    expect(() => noticeOf({ ...matter, link })).toThrow();
  });
});

test('standard: type, time and data', () => {
  const { id, title, summary, severity, facts, deadline, link } = noticeOf(matter);
  expect(asStandard(noticeOf(matter))).toEqual({
    type: 'approval-requested',
    timestamp: matter.at,
    data: { id, title, summary, severity, facts, deadline, link },
  });
});

describe('teams', () => {
  const card = (notice: Notice) => (asTeams(notice).attachments as Node[])[0] as { contentType: string; content: Node };

  test('a message with one card, whose button leads back', () => {
    const { contentType, content } = card(noticeOf(matter));
    expect(asTeams(noticeOf(matter)).type).toBe('message');
    expect(contentType).toBe('application/vnd.microsoft.card.adaptive');
    expect(content).toMatchObject({ type: 'AdaptiveCard', actions: [{ type: 'Action.OpenUrl', url: matter.link }] });
    expect(texts(content.body)).toEqual(
      expect.arrayContaining([
        'Approval needed: payment.release',
        matter.summary,
        'Asked by: ',
        'clerk-7',
        'critical',
        matter.deadline,
      ]),
    );
  });

  test('nothing is read as Markdown, as a macro or as HTML, and no text is empty', () => {
    check((notice) => {
      const all = nodes(asTeams(notice));
      expect(all.filter(({ type }) => type === 'TextBlock' || type === 'FactSet')).toEqual([]);
      for (const { text } of all.filter(({ type }) => type === 'TextRun')) {
        expect(text).not.toBe('');
        expect(text).not.toContain('{{');
      }
    });
  });

  test('below 28 KB, whatever it holds', () => {
    const worst = (character: string): Matter => ({
      ...matter,
      subject: character.repeat(9_999),
      summary: character.repeat(9_999),
      facts: Array.from({ length: 30 }, () => ({ name: character.repeat(999), value: character.repeat(999) })),
      link: `https://formicary.example/${'x'.repeat(470)}`,
    });
    for (const character of ['世', '😀', '"', '\\', '{', '&', 'x'])
      expect(Buffer.byteLength(JSON.stringify(asTeams(noticeOf(worst(character)))))).toBeLessThan(28 * 1024);
    check((notice) => expect(Buffer.byteLength(JSON.stringify(asTeams(notice)))).toBeLessThan(28 * 1024));
  });
});

describe('slack', () => {
  test('says everything', () => {
    const message = asSlack(noticeOf(matter));
    expect(texts(message)).toEqual(
      expect.arrayContaining([
        'Approval needed: payment.release',
        matter.summary,
        'Asked by\nclerk-7',
        'Severity\ncritical',
        `<${matter.link}|Look at it and decide>`,
      ]),
    );
  });

  test('keeps within the limits', () => {
    check((notice) => {
      const { text, blocks } = asSlack(notice) as { text: string; blocks: (Node & { fields?: Node[] })[] };
      expect(text.length).toBeLessThanOrEqual(3_000);
      expect(blocks.length).toBeLessThanOrEqual(50);
      for (const block of blocks) {
        for (const node of nodes(block.text))
          expect((node.text as string).length).toBeLessThanOrEqual(block.type === 'header' ? 150 : 3_000);
        expect(block.fields?.length ?? 1).toBeLessThanOrEqual(10);
        for (const field of block.fields ?? []) expect((field.text as string).length).toBeLessThanOrEqual(2_000);
      }
      for (const node of nodes(blocks))
        if ('text' in node && typeof node.text === 'string') expect(node.text.length).toBeGreaterThan(0);
    });
  });

  test('nothing is markup but our own link', () => {
    check((notice) => {
      const message = asSlack(notice);
      const marked = nodes(message).filter(({ type }) => type === 'mrkdwn');
      expect(marked.map(({ text }) => text)).toEqual([
        expect.stringMatching(/^<https?:\/\/[^<>|]+\|Look at it and decide>$/),
      ]);
      for (const text of texts({ ...message, blocks: nodes(message).filter(({ type }) => type === 'plain_text') })) {
        expect(text).not.toMatch(/[<>]/);
        expect(text.replaceAll(/&(?:amp|lt|gt);/g, '')).not.toContain('&');
      }
      expect(message).toMatchObject({ mrkdwn: false, parse: 'none' });
    });
  });

  test('a text that fits is not cut, nor an escape in two', () => {
    const header = (subject: string) =>
      (
        (asSlack(noticeOf({ ...matter, subject })).blocks as { text: { text: string } }[])[0] as {
          text: { text: string };
        }
      ).text.text;
    const room = 150 - 'Approval needed: '.length;
    expect(header('x'.repeat(room))).toBe(`Approval needed: ${'x'.repeat(room)}`);
    expect(header('<'.repeat(room))).toMatch(/^Approval needed: (?:&lt;)+…$/);
    expect(header('<'.repeat(room)).length).toBeGreaterThan(150 - 5);
  });
});

describe('mail', () => {
  test('says everything, twice', () => {
    const { subject, text, html } = asMail(noticeOf(matter));
    expect(subject).toBe('[critical] Approval needed: payment.release');
    for (const body of [text, html])
      for (const part of [matter.summary, 'Asked by', 'clerk-7', matter.deadline, matter.link])
        expect(body).toContain(part);
  });

  test('no header and no element of anybody else', () => {
    check((notice) => {
      const { subject, html } = asMail(notice);
      expect(subject).not.toMatch(/[\r\n]/);
      const elements = html.match(/<[^>]*>/g) ?? [];
      const ours =
        /^<(?:\/?(?:h1|p|table|tr|th|td|a)|p style="white-space: pre-wrap"|th align="left"|a href="[^"<>]*")>$/;
      for (const element of elements) expect(element).toMatch(ours);
      expect(html.replaceAll(/<[^>]*>/g, '')).not.toMatch(/[<>"']/);
      expect(html.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
    });
  });
});
