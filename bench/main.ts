import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { benchAppend } from './append';
import { openBenchColony, registerAgents } from './colony';
import { runLifecycle } from './lifecycle';
import { HttpColony } from './lifecycle-http';
import { preload } from './preload';
(async () => {
  const [what] = process.argv.slice(2);
  const folder = '/tmp/fbench';
  rmSync(folder, { recursive: true, force: true });
  if (what === 'append') console.log(JSON.stringify(await benchAppend(folder, { seconds: 2, writers: [1, 32, 256], length: 20000 }, true), null, 1));
  if (what === 'life') { const c = await openBenchColony(join(folder, 'a')); await registerAgents(c, 1000); for (let i = 0; i < 3; i++) console.log(JSON.stringify(await runLifecycle(c, 10000))); await c.stop(); }
  if (what === 'http') { const h = await HttpColony.open(join(folder, 'h'), 1000, process.argv.slice(3)); for (let i = 0; i < 3; i++) console.log(JSON.stringify(await h.run('r' + i, 5000))); await h.close(); }
  if (what === 'pre') { const t = performance.now(); await preload(join(folder, 'b'), 1000, 200000, true); console.log((performance.now() - t) / 1000); const c = await openBenchColony(join(folder, 'b')); console.log((performance.now() - t) / 1000); for (let i = 0; i < 3; i++) console.log(JSON.stringify(await runLifecycle(c, 10000))); await c.stop(); }
})();
