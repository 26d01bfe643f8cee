import { eventually } from './eventually';

test('gives what is there at last, though it be nought', async () => {
  const looks = [undefined, false, 0];
  await expect(eventually(() => looks.shift())).resolves.toBe(0);
  expect(looks).toEqual([]);
});

test('in vain: says what it has waited for, how long, and what it saw last', async () => {
  await expect(eventually(() => 1 > 2, { seconds: 0 })).rejects.toThrow(
    /^waited \d+\.\d s in vain for \(\)\s*=>\s*1 > 2; the last look gave false$/,
  );
  await expect(eventually(() => undefined, { what: 'rain', seconds: 0 })).rejects.toThrow(
    /in vain for rain; the last look gave undefined$/,
  );
});

test('an error of the look ends it, and is the cause', async () => {
  const broken = new Error('broken');
  const looks = [false, broken, true];
  const look = () => {
    const found = looks.shift();
    if (found instanceof Error) throw found;
    return found;
  };
  await expect(eventually(look, { what: 'rain' })).rejects.toMatchObject({
    message: expect.stringMatching(/^after \d+\.\d s, while waiting for rain: Error: broken$/) as string,
    cause: broken,
  });
  expect(looks).toEqual([true]);
});
