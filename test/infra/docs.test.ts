/** What people are told to set, and to look at, is what there is. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Metrics } from '../../app/operation/metrics';
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
