/** Which blobs a receipt names: the plans of jobs. */
import type { JobEvent } from './job';

/** References (`sha256:…`) of the plans that the events name. */
export function plansOf(events: readonly { readonly type: string; readonly data: unknown }[]): string[] {
  return (events as readonly JobEvent[]).flatMap((event) =>
    event.type === 'JobPosted' && typeof event.data?.plan_ref === 'string' ? [event.data.plan_ref] : [],
  );
}
