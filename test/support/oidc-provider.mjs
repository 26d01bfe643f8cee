/**
 * A provider of OpenID Connect (`oidc-provider`) on this machine, in a process of its own: Jest doesn't load its
 * modules as they are. Prints its address when it listens. Whoever comes to sign in is `ada`, whom it knows already, and
 * comes back to a host of this machine.
 */
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const resource = 'https://colony.example.com';
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'batch',
        client_secret: 'of this test alone',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
      {
        client_id: 'window',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['http://127.0.0.1/window/signed-in'],
      },
    ],
    scopes: ['openid', 'formicary.run'],
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    clientBasedCORS: () => true,
    issueRefreshToken: (_, { clientId }) => clientId === 'window',
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, __, { clientId }) => ({
          scope: 'formicary.run',
          audience: resource,
          // Short enough for a test to see the next one.
          accessTokenTTL: clientId === 'window' ? 5 : 600,
          accessTokenFormat: 'jwt',
        }),
      },
    },
  });
  const others = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return others(request, response);
    return known(provider, resource, request, response);
  });
  console.log(issuer);
});

/** Lets in, and lets them have what was asked for, whoever is asked who they are. */
async function known(provider, resource, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const login = { accountId: 'ada' };
    return provider.interactionFinished(request, response, { login });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid formicary.run');
  grant.addResourceScope(resource, 'formicary.run');
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}
