/** The commands of docs/ask.md, run in their order against a fresh host, print what the page shows. */
import { planOf } from '../../domain/asks/grammar';
import { MANNER } from '../../domain/asks/manner';
import { pageOf, walkPage } from './walk';

test('every command prints what the page shows', () =>
  walkPage('docs/ask.md', ['npx formicary ask', 'npx formicary audit']));

test('every phrase of its table is planned, and nothing else than a plan', () => {
  const page = pageOf('docs/ask.md');
  const table = /## What can be said\n\n([\s\S]*?)\n\n/.exec(page)?.[1] ?? '';
  const phrases = [...table.matchAll(/`([^`]+)`/g)].map(([, phrase]) => (phrase as string).replaceAll('ID', '4f0c-1'));
  expect(phrases.length).toBeGreaterThan(40);
  for (const phrase of phrases) {
    const { outcome } = planOf(phrase, { now: '2026-11-30T12:00:00.000Z', tenant: 'default', manner: MANNER });
    expect([phrase, outcome]).toEqual([phrase, phrase === 'spawn' ? 'question' : 'planned']);
  }
});

test('its table of manners is what is there', () => {
  for (const [trait, share] of Object.entries(MANNER))
    expect(pageOf('docs/ask.md')).toContain(`| \`${trait}\` | ${share} |`);
});
