/** Trace contexts: what is posted under a span is worked on under it, in a program that uses OpenTelemetry. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { Formicary, Worker } from '../../client/index';
import { eventually } from '../support/eventually';
import { startTestHost } from '../support/host';

/** As that of the SDK for Node. */
class Contexts implements ContextManager {
  private readonly storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }

  with: ContextManager['with'] = (active, work, self, ...args) =>
    this.storage.run(active, () => work.apply(self as ThisParameterType<typeof work>, args));

  bind<T>(_: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

const exporter = new InMemorySpanExporter();

afterAll(() => {
  trace.disable();
  context.disable();
});

test('one trace leads from the posting through the work, and from there on', async () => {
  const host = await startTestHost();
  const client = new Formicary({ url: host.url, principal: 'service:tests' });
  const formicary = new Formicary({ url: host.url, principal: 'traced-1' });
  const worker = new Worker({ formicary, agent: 'traced-1', agent_type: 'traced', log: () => undefined });
  await worker.start(async (task) => {
    const { task: next } = await task.formicary.tasks.post({ task_type: 'next' });
    if (task.attempt === 1) throw new Error('not yet');
    return next.id;
  });
  try {
    // Without what records spans nothing is said, and nothing is asked.
    const before = await client.tasks.post({ task_type: 'other' });
    context.setGlobalContextManager(new Contexts());
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
    const order = trace.getTracer('tests').startSpan('order');
    const { traceId } = order.spanContext();
    const { task } = await context.with(trace.setSpan(ROOT_CONTEXT, order), () =>
      client.tasks.post({ task_type: 'traced', retry_seconds: 0 }),
    );
    const next = (await client.tasks.result(task.id)) as string;
    const spans = await eventually(() => {
      const found = exporter.getFinishedSpans().filter(({ name }) => name === 'work traced');
      return found.length === 2 && found;
    });
    const posting = await metaOf(client, task.id);
    expect(posting?.split('-')[1]).toBe(traceId);
    for (const span of spans) {
      expect(span.spanContext().traceId).toBe(traceId);
      expect(span.attributes).toMatchObject({ 'formicary.task': task.id, 'formicary.task_type': 'traced' });
    }
    // What fails says so on its span.
    expect(spans.map(({ status }) => status.code)).toEqual([2, 0]);
    expect((await metaOf(client, next))?.split('-')[1]).toBe(traceId);
    expect((await metaOf(client, before.task.id))?.split('-')[1]).not.toBe(traceId);
  } finally {
    await worker.stop({ graceSeconds: 0 });
    formicary.close();
    client.close();
  }
});

/** The trace context that stands on the first receipt of a task. */
async function metaOf(client: Formicary, task: string): Promise<string | undefined> {
  for await (const { meta } of client.receipts.stream('task', task)) return meta.traceparent;
  return undefined;
}
