import { rmSync } from 'node:fs';
import { openColony } from '../app/composition';
import type { Principal } from '../domain/kernel/principal';
(async () => {
  const data = '/work/tb'; rmSync(data, { recursive: true, force: true });
  const colony = await openColony({ data, rate: { perSecond: 1, burst: 1 }, logLevel: 'warn' });
  const as = (id: string): { principal: Principal } => ({ principal: { tenant: 'default', id, kind: 'agent', level: 'execute' } });
  const AGENTS = 1000, TASKS = 20000;
  for (let i = 0; i < AGENTS; i += 100) await Promise.all([...Array(100)].map((_, k) => { const n = i + k; return colony.agents.register(as(`agent-${n}`), `agent-${n}`, { agent_type: `type.t${n % 66}`, pool: `p${n % 66}`, capabilities: { [`type.t${n % 66}`]: 1 }, capacity: 4, presence_seconds: 60, offer: { helps: [], min_strength: 0 } }); }));
  let completed = 0; const lat: number[] = []; const posted = new Map<string, number>();
  const done = new Promise<void>((resolve) => {
    colony.transactor.onCommitted((c) => { if (c.category !== 'task') return; for (const commit of c.commits) for (const e of commit.events as any[]) { if (e.type === 'TaskAwarded') { const id = c.stream.split('/')[2]!; lat.push(performance.now() - posted.get(id)!); const claim = { agent: e.data.agent, award: e.data.award }; void (async () => { await colony.tasks.accept(as(claim.agent), id, claim); await colony.tasks.complete(as(claim.agent), id, claim, { ok: true }); })(); } if (e.type === 'TaskCompleted' && ++completed === TASKS) resolve(); } });
  });
  const t0 = performance.now(); let i = 0;
  await Promise.all([...Array(64)].map(async () => { while (i < TASKS) { const n = i++; const id = `task-${n}`; posted.set(id, performance.now()); await colony.tasks.post(as('poster'), id, { task_type: `type.t${n % 66}`, priority: 0.5, urgency: 0.5, requires: [{ capability: `type.t${n % 66}`, level: 0 }], requester: 'poster', bid_seconds: 0, accept_seconds: 30, lease_seconds: 60, max_attempts: 5, retry_seconds: 1, payload: { context: 100, generated: 20 } }); while (n - completed > 1500) await new Promise((r) => setTimeout(r, 1)); } }));
  await done; const s = (performance.now() - t0) / 1000;
  lat.sort((a, b) => a - b);
  console.log(`${Math.round(TASKS / s)} tasks/s`, 'award p50', lat[lat.length >> 1], 'p99', lat[Math.floor(lat.length * .99)]);
  console.log(await colony.feed.status());
  await colony.feed.settled(); console.log('settled', ((performance.now() - t0) / 1000).toFixed(1), 'commits', await colony.ports.store.end(), process.memoryUsage().rss / 1e6);
  await colony.stop();
})();
