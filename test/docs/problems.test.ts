/** The list of problems is whole: every type that the edge or a rule can answer with stands in it, under its status. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS } from '../../functions/edge/problem';

const ROOT = join(__dirname, '../..');
const STATUS = {
  missing: 404,
  conflict: 409,
  forbidden: 403,
  precondition: 412,
  invalid: 422,
  unavailable: 503,
  broken: 500,
} as const;

/** `status type` of each row. */
const documented = new Set(
  readFileSync(join(ROOT, 'docs/problems.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, status, types = ''] = /^\| (\d{3}) \| (.*?) \|/.exec(line) ?? [];
      return [...types.matchAll(/`([a-z0-9-]+)`/g)].map(([, type]) => `${status} ${type}`);
    }),
);

function refusals(): string[] {
  return globSync('{domain,app}/**/*.ts', { cwd: ROOT }).flatMap((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const made = [...source.matchAll(/new Rejection\(\s*'([a-z]+)',\s*'([a-z0-9-]+)'/g)].map(
      ([, kind, code]) => `${STATUS[kind as keyof typeof STATUS]} ${code}`,
    );
    return [...made, ...[...source.matchAll(/\brefuse\(\s*'([a-z0-9-]+)'/g)].map(([, code]) => `409 ${code}`)];
  });
}

test('every refusal of a rule is listed', () => {
  const found = refusals();
  expect(found.length).toBeGreaterThan(100);
  expect(found.filter((row) => !documented.has(row))).toEqual([]);
});

test('every refusal of the edge is listed', () => {
  expect(
    Object.entries(PROBLEMS)
      .map(([slug, { status }]) => `${status} ${slug}`)
      .filter((row) => !documented.has(row)),
  ).toEqual([]);
});
