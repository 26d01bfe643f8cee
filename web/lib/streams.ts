/** Names of streams, `tenant/category/id`, and of receipts in them, `stream@index`. */

export function categoryOf(stream: string): string {
  return stream.split('/')[1] ?? '';
}

export function idOf(stream: string): string {
  return stream.split('/')[2] ?? '';
}

/** The stream and the index that a receipt is called by; undefined when it is no receipt's name. */
export function placeOf(receipt: string): { readonly stream: string; readonly index: number } | undefined {
  const [, stream, index] = /^([^/]+\/[^/]+\/[^/]+)@(\d+)$/.exec(receipt) ?? [];
  return stream === undefined ? undefined : { stream, index: Number(index) };
}
