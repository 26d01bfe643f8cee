import { Stage, as, profile, spec, types, taskOf, agentOf } from '../support/stage';
test('one', async () => {
  const stage = new Stage();
  const t0 = performance.now();
  const { colony } = await stage.start();
  console.log('start', performance.now() - t0);
  await colony.agents.register(as('a'), 'a', profile());
  await colony.tasks.post(as('p'), 't', spec());
  await stage.settled();
  await colony.tasks.accept(as('a'), 't', { agent: 'a', award: 1 });
  await colony.tasks.complete(as('a'), 't', { agent: 'a', award: 1 }, { ok: 1 });
  await stage.settled();
  console.log(types(stage.log()), stage.reports, stage.deadlines(), performance.now() - t0);
  await stage.pass(130);
  console.log(types(stage.log()), stage.reports, stage.deadlines(), performance.now() - t0);
  await stage.end();
});
