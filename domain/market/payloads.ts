/** Which blobs a receipt names: the payloads and results that were too large to stand in it. */
import type { TaskEvent } from './task';

/** References (`sha256:…`) that events of tasks name, as far as the product itself put them there. */
export function payloadsOf(events: readonly { readonly type: string; readonly data: unknown }[]): string[] {
  return (events as readonly TaskEvent[]).map(referenceOf).filter((reference) => typeof reference === 'string');
}

function referenceOf(event: TaskEvent): unknown {
  switch (event.type) {
    case 'TaskPosted':
      return event.data?.spec?.payload_ref;
    case 'TaskCleared':
      return event.data?.correction?.payload_ref;
    case 'TaskUnblocked':
      return event.data?.filled?.payload_ref;
    case 'TaskCompleted':
      return event.data?.result_ref;
    default:
      return undefined;
  }
}
