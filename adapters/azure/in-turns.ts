/** Requests that are under way at once. */
const AT_ONCE = 16;

/** Does the work of each item, a few at a time. Rejects after the first that failed. */
export async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, items.length) }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
