/**
 * The clients of the services that triggers name. A trigger says `NAME`; `NAME__accountEndpoint` says where that is, and
 * the developer's credential opens it, or the key of a test server, `NAME_KEY`. The SDKs are loaded when first needed.
 */
import type * as Cosmos from '@azure/cosmos';
import type * as Identity from '@azure/identity';

export class Connections {
  private readonly made = new Map<string, Cosmos.CosmosClient>();

  /** True when the settings say where the account is. */
  hasCosmos(name: string): boolean {
    return process.env[`${name}__accountEndpoint`] !== undefined;
  }

  cosmos(name: string): Cosmos.CosmosClient {
    const made = this.made.get(name) ?? openCosmos(process.env[`${name}__accountEndpoint`] as string, process.env[`${name}_KEY`]);
    this.made.set(name, made);
    return made;
  }

  close(): void {
    for (const client of this.made.values()) client.dispose();
  }
}

function openCosmos(endpoint: string, key: string | undefined): Cosmos.CosmosClient {
  const { CosmosClient } = require('@azure/cosmos') as typeof Cosmos;
  return new CosmosClient(key === undefined ? { endpoint, aadCredentials: developer() } : { endpoint, key });
}

/** Who is logged in with `az` or `azd`. */
function developer(): Identity.TokenCredential {
  const { AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential } = require('@azure/identity') as typeof Identity;
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}
