// Waits until the deployed app is ready: `node smoke.mjs [SECONDS]`, 300 unless told. azd sets SERVICE_API_URI.
// Exit code 1 when it did not get ready, with the last answer, and when it answers who shows no token. Deploying gives no
// right to call the API, so being kept out by the list of addresses is no failure: it is said.

const PAUSE_MS = 5_000;
const ONE_REQUEST_MS = 60_000;

const { SERVICE_API_URI } = process.env;
if (!SERVICE_API_URI) {
  console.error('SERVICE_API_URI is not set: run `azd provision` first.');
  process.exit(1);
}
const url = new URL('/health/ready', SERVICE_API_URI);
const until = Date.now() + Number(process.argv[2] ?? 300) * 1000;

/** What nobody may be told without a token. */
const closed = new URL('/v1/me', SERVICE_API_URI);

/** The status and the body, or why there was none. */
async function ask(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ONE_REQUEST_MS) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: undefined, text: String(error.cause ?? error) };
  }
}

function isBusy({ status }) {
  return status === undefined || status === 429 || status >= 500;
}

for (;;) {
  const { status, text } = await ask(url);
  if (status === 200) {
    console.log(`${url} is ready: ${text}`);
    let stranger = await ask(closed);
    // Busy, or gone again: that says nothing of whom it lets in.
    while (isBusy(stranger) && Date.now() + PAUSE_MS < until) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      stranger = await ask(closed);
    }
    if (stranger.status !== 401) {
      console.error(
        `${closed} has to answer 401 to whoever shows no token. It answered ${stranger.status ?? 'nothing'} ${stranger.text}`,
      );
      process.exitCode = 1;
    }
    break;
  }
  if (status === 403) {
    console.log(
      `${url} lets nobody in from this address. Add it: azd env set FORMICARY_ALLOWED_ADDRESSES <CIDR>, then azd provision.`,
    );
    break;
  }
  if (Date.now() + PAUSE_MS > until) {
    console.error(`${url} did not get ready. Its last answer: ${status ?? 'none'} ${text}`);
    process.exitCode = 1;
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
