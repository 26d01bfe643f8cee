/**
 * A provider of OpenID Connect (`oidc-provider`) on this machine, in a process of its own: Jest doesn't load its
 * modules as they are. Prints its address when it listens.
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
    ],
    scopes: ['formicary.run'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        getResourceServerInfo: () => ({
          scope: 'formicary.run',
          audience: resource,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
        }),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
