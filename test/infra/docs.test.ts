/** What people are told to set, and to look at, is what there is. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Metrics } from '../../app/operation/metrics';
import { METRICS } from '../../domain/operation/metrics';
import { openColony } from '../../host/composition';
import { readSettings, SETTING_NAMES } from '../../host/config';

const ROOT = resolve(__dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found as string);

describe('metrics', () => {
  let exported: readonly string[] = [];

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'formicary-metrics-'));
    const colony = await openColony(readSettings({ FORMICARY_DATA: folder, FORMICARY_LOG: 'silent' }));
    const { body } = await new Metrics(colony).text();
    await colony.stop();
    rmSync(folder, { recursive: true, force: true });
    // A histogram has three series, and is asked for by them.
    exported = [
      ...matches(body, /^# TYPE (\w+) /gm),
      ...matches(body, /^# TYPE (\w+) histogram$/gm).flatMap((name) =>
        ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`),
      ),
    ];
  });

  test.each([
    'docs/observability.md',
    'docs/operation.md',
    'docs/grafana/formicary.json',
    'docs/grafana/alerts.yml',
    'bicep/workbook.json',
    'bicep/modules/watch.bicep',
  ])('%s names those that the app has', (path) => {
    const named = matches(read(path), /\b((?:formicary|nodejs|process)_[a-z0-9_]*[a-z0-9])\b/g);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !exported.includes(name))).toEqual([]);
  });

  test('of ours, each is explained', () => {
    const explained = read('docs/observability.md');
    const ours = exported.filter((name) => name.startsWith('formicary_') && !/_(bucket|sum|count)$/.test(name));
    expect(ours.length).toBeGreaterThan(15);
    expect(ours.filter((name) => !explained.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the dashboard and the rules', () => {
  interface Dashboard {
    readonly panels: readonly {
      readonly id: number;
      readonly title: string;
      readonly gridPos: { readonly x: number; readonly y: number };
      readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
    }[];
  }
  const { panels } = JSON.parse(read('docs/grafana/formicary.json')) as Dashboard;
  const rules = read('docs/grafana/alerts.yml')
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((rule) => ({ name: rule.slice(0, rule.indexOf('\n')), rule }));
  const exprOf = (rule: string) => /expr: (?:>-\n)?([\s\S]*?)\n {8}for:/.exec(rule)?.[1] as string;
  const exprs = [
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }): [string, string] => [title, expr])),
    ...rules.map(({ name, rule }): [string, string] => [name, exprOf(rule)]),
  ];
  const rows = matches(read('docs/observability.md'), /^(\| `formicary_.*\|)$/gm).map((row) => row.split('|'));

  test('each of ours that is explained is on the dashboard', () => {
    const shown = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
    const explained = rows.flatMap(([, names = '']) => matches(names, /`(formicary_\w+)`/g));
    expect(explained.length).toBeGreaterThan(30);
    expect(explained.filter((name) => !new RegExp(`\\b${name}(_bucket|_count|_sum)?\\b`).test(shown))).toEqual([]);
  });

  test('no panel has the id or the place of another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size).toBe(panels.length);
  });

  test.each(exprs)('%s asks for labels that its series have: %s', (_, expr) => {
    const series = matches(expr, /\b(formicary_\w+?)(?:_bucket|_count|_sum)?\b/g);
    const known = rows
      .filter(([, names = '']) => series.some((name) => names.includes(`\`${name}\``)))
      .map(([, , labels]) => labels)
      .join();
    const asked = [
      ...matches(expr, /\bby \(([^)]*)\)/g).flatMap((list) => list.split(', ')),
      ...matches(expr, /[{,](\w+)=/g),
    ];
    expect(asked.filter((label) => label !== 'le' && !new RegExp(`\\b${label}\\b`).test(known))).toEqual([]);
  });

  test('each rule has a severity, a time that it must hold, and says what is the matter', () => {
    expect(rules.length).toBeGreaterThan(10);
    for (const { name, rule } of rules)
      expect([name, rule]).toEqual([
        name,
        expect.stringMatching(/^ {8}for: \d+m$[\s\S]*severity: (info|warning|critical)$[\s\S]*summary: \S/m),
      ]);
  });

  test('each goal whose metric is told by a series has a rule with its bounds', () => {
    const missing = METRICS.filter(({ goal, series }) => {
      if (goal === null || series === null) return false;
      const bounds = Object.values(goal).map(String);
      const has = (expr: string) => bounds.every((bound) => new RegExp(`[<>] ${bound}\\b`).test(expr));
      return !rules.some(({ rule }) => rule.includes(series) && has(exprOf(rule)));
    });
    expect(missing.map(({ id }) => id)).toEqual([]);
  });

  test('each series by which a metric is told is one that the app has', () => {
    const explained = rows.flatMap(([, names = '']) => matches(names, /`(formicary_\w+)`/g));
    expect(METRICS.flatMap(({ series }) => series ?? []).filter((name) => !explained.includes(name))).toEqual([]);
  });
});

describe('settings', () => {
  const explained = matches(read('docs/operation.md'), /`((?:FORMICARY|OTEL|AZURE|APPLICATIONINSIGHTS)_\w+)`/g);

  test('each is explained', () => {
    expect(SETTING_NAMES.filter((name) => !explained.includes(name))).toEqual([]);
  });

  test('none is explained that nothing reads', () => {
    const host = readdirSync(join(ROOT, 'local'))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`local/${name}`))
      .join('\n');
    const known: readonly string[] = [...SETTING_NAMES, ...matches(host, /process\.env\['(\w+)'\]/g)];
    expect(explained.filter((name) => !known.includes(name) && !name.startsWith('FORMICARY_SECRET_'))).toEqual([]);
  });

  test('the table names the default', () => {
    const defaults = {
      FORMICARY_DATA: '.formicary',
      FORMICARY_LOG: 'info',
      FORMICARY_PUBLIC_URL: 'http://127.0.0.1:7071',
      FORMICARY_PROFILE: 'embedded',
    };
    for (const [name, value] of Object.entries(defaults))
      expect(read('docs/operation.md')).toContain(`| \`${name}\` | \`${value}\` |`);
    const { logLevel, publicUrl, azure } = readSettings({});
    expect({ logLevel, publicUrl, azure }).toEqual({
      logLevel: defaults.FORMICARY_LOG,
      publicUrl: defaults.FORMICARY_PUBLIC_URL,
      azure: undefined,
    });
  });
});
