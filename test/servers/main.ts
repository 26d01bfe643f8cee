/**
 * The services of the profile azure as a process of their own, which outlives a host that is killed. What they hold is
 * in memory and goes with them. A parent hears the settings as a message, a person reads them (`npm run servers`).
 */
import { startServers } from './servers';

async function main(): Promise<void> {
  const { settings, stop } = await startServers();
  const end = () => void stop().finally(() => process.exit());
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  process.once('disconnect', end);
  if (process.send !== undefined) process.send(settings);
  else
    console.log(
      Object.entries(settings)
        .map(([name, value]) => `export ${name}='${value}'`)
        .join('\n'),
    );
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
