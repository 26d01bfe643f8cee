// Registers the providers that the template only names: `node providers.mjs [URL]`. Azure registers those of resources in
// a template by itself; a subnet that is delegated to one needs it before. azd sets the variables, and says who we are.
// URL: where Azure Resource Manager is. Exit code 1 when a provider did not get registered.
import { execFileSync } from 'node:child_process';

const PAUSE_MS = 2_000;
const PATIENCE_MS = 300_000;
const VERSION = 'api-version=2021-04-01';

const { AZURE_SUBSCRIPTION_ID, FORMICARY_PRIVATE_NETWORK, FORMICARY_NETAPP_FILES } = process.env;
const needed = [
  // The app's own subnet.
  ...(FORMICARY_PRIVATE_NETWORK === 'true' || FORMICARY_NETAPP_FILES === 'true' ? ['Microsoft.App'] : []),
  ...(FORMICARY_NETAPP_FILES === 'true' ? ['Microsoft.NetApp'] : []),
];

if (needed.length > 0) {
  const { token } = JSON.parse(execFileSync('azd', ['auth', 'token', '--output', 'json'], { encoding: 'utf8' }));
  const until = Date.now() + PATIENCE_MS;
  for (const provider of needed) await register(provider, token, until);
}

/** Asks for it, and until it is. */
async function register(provider, token, until) {
  const at = new URL(
    `/subscriptions/${AZURE_SUBSCRIPTION_ID}/providers/${provider}`,
    process.argv[2] ?? 'https://management.azure.com',
  );
  const ask = async (method, path) => {
    const response = await fetch(`${at}${path}?${VERSION}`, { method, headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`${provider}: ${response.status} ${await response.text()}`);
    return (await response.json()).registrationState;
  };
  for (let state = await ask('POST', '/register'); state !== 'Registered'; state = await ask('GET', '')) {
    if (Date.now() > until) throw new Error(`${provider} is still ${state}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  console.log(`${provider} is registered`);
}
