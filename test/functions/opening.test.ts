import { Opening, persistently } from '../../functions/opening';

test('is opened once for all who ask, and not before', async () => {
  let opened = 0;
  const opening = new Opening(async () => (opened += 1));
  expect(opened).toBe(0);
  expect(await Promise.all([opening.get(), opening.get()])).toEqual([1, 1]);
  expect(await opening.get()).toBe(1);
  expect(opened).toBe(1);
});

test('what could not be opened is tried again by whoever asks later, and soon after its failure is told', async () => {
  let attempts = 0;
  const open = async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('no role yet');
    return attempts;
  };
  const patient = new Opening(open, Infinity);
  for (let i = 0; i < 3; i += 1) await expect(patient.get()).rejects.toThrow('no role yet');
  expect(attempts).toBe(1);
  attempts = 0;
  const hasty = new Opening(open, 0);
  await expect(hasty.get()).rejects.toThrow('no role yet');
  expect(await Promise.all([hasty.get(), hasty.get()])).toEqual([2, 2]);
});

test('whoever ends it gets what is open, or is being opened, and nothing where nobody has asked or it failed', async () => {
  expect(await new Opening(async () => 1).take()).toBeUndefined();
  const opening = new Opening(async () => 1);
  void opening.get();
  expect(await opening.take()).toBe(1);
  expect(await opening.take()).toBeUndefined();
  const failing = new Opening(() => Promise.reject(new Error('away')));
  await failing.get().catch(() => undefined);
  expect(await failing.take()).toBeUndefined();
});

test('once it has ended nothing is opened any more, and what is open is given to whoever ends it', async () => {
  let opened = 0;
  const opening = new Opening(async () => (opened += 1));
  await opening.get();
  opening.end();
  await expect(opening.get()).rejects.toThrow('the app ends');
  expect(await opening.take()).toBe(1);
  await expect(opening.get()).rejects.toThrow('the app ends');
  expect(opened).toBe(1);
});

test('whoever would be handed the same again at once waits for it, so long and no longer', async () => {
  let attempts = 0;
  const opening = new Opening(async () => {
    attempts += 1;
    if (attempts < 3) throw new Error('no role yet');
    return attempts;
  }, 0);
  expect(await persistently(() => opening.get(), Infinity, 1)).toBe(3);
  let asked = 0;
  const away = () => {
    asked += 1;
    return Promise.reject(new Error('away'));
  };
  await expect(persistently(away, performance.now() + 20, 1)).rejects.toThrow('away');
  expect(asked).toBeGreaterThan(1);
  asked = 0;
  await expect(persistently(away, -Infinity)).rejects.toThrow('away');
  expect(asked).toBe(1);
});
