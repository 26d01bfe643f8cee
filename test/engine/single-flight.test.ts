/** Work that several ask for at once is done once, for as long as somebody waits for it. */
import { SingleFlight } from '../../app/engine/single-flight';

/** Work that ends when it is told to, and what its signals have heard. */
function work() {
  const begun: { readonly signal: AbortSignal; readonly resolve: (value: object) => void }[] = [];
  const flights = new SingleFlight<object>();
  const join = (key: string, signal?: AbortSignal) =>
    flights.join(key, (own) => new Promise((resolve) => begun.push({ signal: own, resolve })), signal);
  return { begun, join };
}

test('who asks for the same meanwhile gets what comes of it, who asks for something else or later does not', async () => {
  const { begun, join } = work();
  const [a, b, other] = [join('k'), join('k'), join('else')];
  expect(begun).toHaveLength(2);
  const [first, second] = [{}, {}];
  begun[0]?.resolve(first);
  begun[1]?.resolve(second);
  const found = await Promise.all([a, b, other]);
  expect(found[0]).toBe(first);
  expect(found[1]).toBe(first);
  expect(found[2]).toBe(second);
  void join('k');
  expect(begun).toHaveLength(3);
});

test('who goes leaves the others what they wait for; when all have gone it ends, and the next begins anew', async () => {
  const { begun, join } = work();
  const [one, two] = [new AbortController(), new AbortController()];
  const [a, b] = [join('k', one.signal), join('k', two.signal)];
  one.abort(new Error('gone'));
  await expect(a).rejects.toThrow('gone');
  expect(begun[0]?.signal.aborted).toBe(false);
  two.abort(new Error('gone as well'));
  await expect(b).rejects.toThrow('gone as well');
  expect(begun[0]?.signal.aborted).toBe(true);
  const next = join('k');
  expect(begun).toHaveLength(2);
  const found = {};
  begun[1]?.resolve(found);
  expect(await next).toBe(found);
  await expect(join('k', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  expect(begun).toHaveLength(2);
});

test('a failure is heard by all who wait, and kept by nobody', async () => {
  const flights = new SingleFlight<number>();
  const failing = async (): Promise<number> => {
    await Promise.resolve();
    throw new Error('broken');
  };
  const both = await Promise.allSettled([flights.join('k', failing), flights.join('k', failing)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await flights.join('k', async () => 1)).toBe(1);
});
