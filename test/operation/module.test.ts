/** What a colony says of requests that come all at once, as `FORMICARY_ADMISSION` has it. */
import { operationModule } from '../../app/operation/module';
import { Stage } from '../support/stage';

const stage = new Stage();
afterAll(() => stage.end());

test.each([
  [true, 8, 512, 1],
  [false, 521, 0, 0],
])('with admission %j, of 521 requests %i begin at once, %i wait, %i are refused', async (admits, ...expected) => {
  const { colony } = await stage.start();
  const { admission } = operationModule(
    colony.engine,
    { filling: async () => undefined },
    { admits, lacking: [] },
  ).services;
  const turns = Array.from({ length: 521 }, () => admission.turn('new', 'acme', 0));
  const count = (is: (turn: (typeof turns)[number]) => boolean) => turns.filter(is).length;
  expect([
    count((turn) => turn === undefined),
    count((turn) => turn instanceof Promise),
    count((turn) => typeof turn === 'number'),
  ]).toEqual(expected);
  await Promise.all(turns.filter((turn) => turn instanceof Promise));
});
