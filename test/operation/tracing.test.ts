/** One trace from a request to its commit, to the reaction, to what the reaction commits. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT_CONTEXT, SpanKind, trace, TraceFlags } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Colony } from '../../app/colony';
import { startRecording, stopRecording, traced } from '../../app/engine/telemetry';
import { RequestSampler } from '../../app/operation/tracing';
import type { Principal } from '../../domain/kernel/principal';
import { openColony, readSettings } from '../../host/composition';

const exporter = new InMemorySpanExporter();
const folder = mkdtempSync(join(tmpdir(), 'formicary-traces-'));
let colony: Colony;

const principal: Principal = { tenant: 'default', id: 'ada', kind: 'human', level: 'critical' };
const TYPE = 'finance.reconciliation';
const PROFILE = {
  agent_type: TYPE,
  pool: 'finance',
  capabilities: {},
  capacity: 1,
  presence_seconds: 60,
  offer: { helps: [], min_strength: 0 },
};
const SPEC = {
  task_type: TYPE,
  priority: 0.5,
  urgency: 0.5,
  requires: [{ capability: TYPE, level: 0 }],
  requester: 'ada',
  bid_seconds: 0,
  accept_seconds: 30,
  lease_seconds: 60,
  max_attempts: 5,
  retry_seconds: 1,
};

beforeAll(async () => {
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  startRecording();
  colony = await openColony(readSettings({ FORMICARY_DATA: folder, FORMICARY_LOG: 'silent' }));
});

afterAll(async () => {
  await colony.stop();
  stopRecording();
  rmSync(folder, { recursive: true, force: true });
});

test('the award that a reaction makes belongs to the trace of the request that posted the task', async () => {
  const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await colony.agents.register({ principal }, 'agent-1', PROFILE);
  // What follows from the registration could make the award too.
  await colony.feed.settled();
  await traced('POST /v1/tasks', 'server', caller, {}, (traceparent) =>
    colony.tasks.post({ principal, traceparent }, 'task-1', SPEC),
  );
  await colony.feed.settled();

  const [posted, awarded] = await colony.ports.store.read('default/task/task-1', 0, 10);
  expect(awarded?.events.map(({ type }) => type)).toEqual(['BidsClosed', 'TaskAwarded']);
  for (const commit of [posted, awarded])
    expect(commit?.meta.traceparent).toContain('-0af7651916cd43dd8448eb211c80319c-');

  const spans = exporter
    .getFinishedSpans()
    .filter((span) => span.spanContext().traceId === '0af7651916cd43dd8448eb211c80319c');
  // There are several of a name: a task's later commits are reacted to as well.
  const named = (name: string): ReadableSpan[] => {
    const found = spans.filter((span) => span.name === name);
    if (found.length === 0) throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(', ')}`);
    return found;
  };
  const parents: [string, string][] = [
    ['transact task.post', 'POST /v1/tasks'],
    ['react task', 'transact task.post'],
    ['transact agent.reserve', 'react task'],
    ['transact task.award', 'transact agent.reserve'],
  ];
  expect(named('POST /v1/tasks').map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
    'b7ad6b7169203331',
  ]);
  for (const [child, parent] of parents) {
    const ids = new Set(named(parent).map((span) => span.spanContext().spanId));
    const under = named(child).filter(({ parentSpanContext }) => ids.has(parentSpanContext?.spanId ?? ''));
    expect([child, under.length > 0]).toEqual([child, true]);
  }
});

describe('what is kept of many requests', () => {
  const clock = { time: 0, now: () => clock.time };
  let sampler: RequestSampler;
  const keeps = (kind: SpanKind, parentFlags?: TraceFlags) => {
    const parent = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: parentFlags ?? TraceFlags.NONE,
      isRemote: true,
    };
    const context = parentFlags === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    return sampler.shouldSample(context, parent.traceId, 'any', kind).decision === SamplingDecision.RECORD_AND_SAMPLED;
  };
  const kept = (requests: number, parentFlags?: TraceFlags) =>
    Array.from({ length: requests }, () => keeps(SpanKind.SERVER, parentFlags)).filter(Boolean).length;

  beforeEach(() => (sampler = new RequestSampler(clock)));

  test.each([undefined, TraceFlags.SAMPLED])('sixty at once, then one a second, whoever asks (%s)', (flags) => {
    expect(kept(1_000, flags)).toBe(60);
    clock.time += 3_000;
    expect(kept(1_000, flags)).toBe(3);
  });

  test('what follows from a request follows its choice, and costs nothing', () => {
    expect(kept(1_000)).toBe(60);
    for (const kind of [SpanKind.INTERNAL, SpanKind.CONSUMER]) {
      expect(keeps(kind, TraceFlags.SAMPLED)).toBe(true);
      expect(keeps(kind, TraceFlags.NONE)).toBe(false);
      expect(keeps(kind)).toBe(false);
    }
    clock.time += 1_000;
    expect(kept(10, TraceFlags.NONE)).toBe(0);
    expect(keeps(SpanKind.INTERNAL, TraceFlags.SAMPLED)).toBe(true);
    expect(kept(10)).toBe(1);
  });
});
