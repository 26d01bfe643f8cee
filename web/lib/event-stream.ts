/** Server-sent events out of the bytes of an answer, as the HTML standard reads them: EventSource shows no token. */

export interface StreamEvent {
  /** The last one that was given. */
  readonly id: string | undefined;
  /** Undefined where only an id was given. */
  readonly data: string | undefined;
}

/** @param onBytes hears of everything that comes, comments that only say that the connection lives as well */
export async function* eventsIn(
  bytes: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<StreamEvent, void, undefined> {
  const reader = bytes.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | undefined;
  let data: string[] = [];
  let any = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() as string;
      for (const line of lines) {
        if (line === '') {
          if (any) yield { id, data: data.length === 0 ? undefined : data.join('\n') };
          data = [];
          any = false;
          continue;
        }
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const content = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'data') data.push(content);
        else if (field === 'id' && !content.includes('\0')) id = content;
        any ||= field === 'data' || field === 'id';
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
