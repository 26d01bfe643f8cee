// The event store and what is derived from it. Strong consistency: what was acknowledged is read by whoever reads next,
// in every region; so there is one region that writes.
import { cosmosRoles } from '../roles.bicep'

param name string
param location string
param secondaryLocation string
param tags object
param isPrivate bool
param isServerless bool
param isZoneRedundant bool
param isLocked bool
param workspaceId string
param maxThroughput int
param eventsPartitions int
param viewsMaxThroughput int
param appPrincipalId string
param operatorPrincipalId string

var places = concat([location], empty(secondaryLocation) ? [] : [secondaryLocation])
// A container gets a physical partition for each 10,000 RU/s that it is made with, and keeps them when that is lowered:
// to a tenth at the least. A trigger on the feed has as many instances as there are partitions.
var madeWith = eventsPartitions * 10000
// Serverless containers have no throughput of their own. The small ones rest at 100 RU/s; views, and the presence in the
// state, grow with what is done.
var eventsOptions = isServerless ? {} : { autoscaleSettings: { maxThroughput: madeWith } }
var growing = { autoscaleSettings: { maxThroughput: viewsMaxThroughput } }
var growingOptions = isServerless ? {} : growing
var smallOptions = isServerless ? {} : { autoscaleSettings: { maxThroughput: 1000 } }

resource account 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    locations: [
      for (place, priority) in places: { locationName: place, failoverPriority: priority, isZoneRedundant: isZoneRedundant }
    ]
    enableMultipleWriteLocations: false
    enableAutomaticFailover: length(places) > 1
    capabilities: isServerless ? [{ name: 'EnableServerless' }] : []
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    // Any second of the last 30 days can be restored into a new account.
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous30Days' } }
  }

  resource database 'sqlDatabases' = {
    name: 'formicary'
    properties: { resource: { id: 'formicary' } }

    // A stream is a logical partition. Commits are found by their place in it, or by the command that they answer;
    // nothing else is indexed. They never expire, so there is no time to live.
    resource events 'containers' = {
      name: 'events'
      properties: {
        resource: {
          id: 'events'
          partitionKey: { paths: ['/stream'], kind: 'Hash', version: 2 }
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: [{ path: '/command/?' }]
            excludedPaths: [{ path: '/*' }]
          }
        }
        options: eventsOptions
      }

      resource throughput 'throughputSettings' = if (!isServerless) {
        name: 'default'
        properties: {
          resource: { autoscaleSettings: { maxThroughput: max(maxThroughput, madeWith / 10) } }
        }
      }
    }

    // Snapshots of streams: derived, and apart from receipts, as nothing of those is ever rewritten.
    resource snapshots 'containers' = {
      name: 'snapshots'
      properties: {
        resource: {
          id: 'snapshots'
          partitionKey: { paths: ['/stream'], kind: 'Hash', version: 2 }
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: []
            excludedPaths: [{ path: '/*' }]
          }
        }
        options: smallOptions
      }
    }

    // Read models: derived, rebuilt at will. They are filtered by the fields that they declare, and read in order of key
    // and source; whatever else is in them is not indexed, as each value makes a write dearer.
    resource views 'containers' = {
      name: 'views'
      properties: {
        resource: {
          id: 'views'
          partitionKey: { paths: ['/partition'], kind: 'Hash', version: 2 }
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: [
              { path: '/key/?' }
              { path: '/keys/[]/?' }
              { path: '/source/?' }
              { path: '/doc/agent/?' }
              { path: '/doc/agent_type/?' }
              { path: '/doc/api/?' }
              { path: '/doc/by/?' }
              { path: '/doc/capability/[]/?' }
              { path: '/doc/compensation/?' }
              { path: '/doc/correlation_id/?' }
              { path: '/doc/deprecated/?' }
              { path: '/doc/ended_on/?' }
              { path: '/doc/escalated/?' }
              { path: '/doc/events/[]/?' }
              { path: '/doc/goneAt/?' }
              { path: '/doc/group/[]/?' }
              { path: '/doc/kind/?' }
              { path: '/doc/operations/[]/?' }
              { path: '/doc/outcome/?' }
              { path: '/doc/pool/?' }
              { path: '/doc/proposed_on/?' }
              { path: '/doc/requester/?' }
              { path: '/doc/severity/?' }
              { path: '/doc/status/?' }
              { path: '/doc/stream/?' }
              { path: '/doc/strength/?' }
              { path: '/doc/task_type/?' }
              { path: '/doc/type/?' }
              { path: '/doc/voter/[]/?' }
            ]
            excludedPaths: [{ path: '/*' }]
            compositeIndexes: [
              [
                { path: '/key', order: 'ascending' }
                { path: '/source', order: 'ascending' }
              ]
            ]
          }
        }
        options: growingOptions
      }

      resource throughput 'throughputSettings' = if (!isServerless) {
        name: 'default'
        properties: { resource: growing }
      }
    }

    // Checkpoints, presence and keys, found by id. Presence and keys say on each document how long it lives; checkpoints stay.
    resource state 'containers' = {
      name: 'state'
      properties: {
        resource: {
          id: 'state'
          partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
          defaultTtl: -1
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: []
            excludedPaths: [{ path: '/*' }]
          }
        }
        options: growingOptions
      }

      resource throughput 'throughputSettings' = if (!isServerless) {
        name: 'default'
        properties: { resource: growing }
      }
    }

    // Of people that data is about, wrapped: apart from what they open. Who was erased is replaced by a document without a key.
    resource subjects 'containers' = {
      name: 'subjects'
      properties: {
        resource: {
          id: 'subjects'
          partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: []
            excludedPaths: [{ path: '/*' }]
          }
        }
        options: smallOptions
      }
    }

    // Who reads which part of the feed; the Functions host writes it with each page, and finds it by its id, which the
    // service always has in its index.
    resource leases 'containers' = {
      name: 'leases'
      properties: {
        resource: {
          id: 'leases'
          partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
          defaultTtl: -1
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: []
            excludedPaths: [{ path: '/*' }]
          }
        }
        options: smallOptions
      }
    }
  }

  // A receipt is created and read; no right to replace, patch or delete one is given to anybody here, so the service
  // itself keeps it as it was written.
  resource keepsReceipts 'sqlRoleDefinitions' = {
    name: guid(account.id, 'keeps-receipts')
    properties: {
      roleName: 'Formicary: create and read'
      type: 'CustomRole'
      assignableScopes: [account.id]
      permissions: [
        {
          dataActions: [
            'Microsoft.DocumentDB/databaseAccounts/readMetadata'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/readChangeFeed'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          ]
        }
      ]
    }
  }

  // The key of a person who was erased is replaced by a document without one, and that is never deleted.
  resource keepsKeys 'sqlRoleDefinitions' = {
    name: guid(account.id, 'keeps-keys')
    properties: {
      roleName: 'Formicary: create, read and replace'
      type: 'CustomRole'
      assignableScopes: [account.id]
      permissions: [
        {
          dataActions: [
            'Microsoft.DocumentDB/databaseAccounts/readMetadata'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/upsert'
          ]
        }
      ]
    }
  }

  // What SDKs ask of a database before anything else: where it is, and which containers it has.
  resource readsMetadata 'sqlRoleDefinitions' = {
    name: guid(account.id, 'reads-metadata')
    properties: {
      roleName: 'Formicary: read metadata'
      type: 'CustomRole'
      assignableScopes: [account.id]
      permissions: [{ dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata'] }]
    }
  }

  // The app's clients find the database.
  resource appReadsMetadata 'sqlRoleAssignments' = {
    name: guid(account.id, appPrincipalId, 'reads-metadata')
    properties: {
      roleDefinitionId: readsMetadata.id
      principalId: appPrincipalId
      scope: '${account.id}/dbs/${database.name}'
    }
  }

  // The app appends receipts and follows the feed, and can't change what is there. The service refuses to move an
  // assignment, so the scope is part of its name: one that stands on the database, from an earlier version, stays there
  // beside this, and lets the app create and read elsewhere what it may anyway.
  resource appKeepsReceipts 'sqlRoleAssignments' = {
    name: guid(account.id, appPrincipalId, 'keeps-receipts', database::events.name)
    properties: {
      roleDefinitionId: keepsReceipts.id
      principalId: appPrincipalId
      scope: '${account.id}/dbs/${database.name}/colls/${database::events.name}'
    }
    dependsOn: [appReadsMetadata]
  }

  // The app keeps the keys of persons, and takes them away when a person is erased.
  resource appKeepsKeys 'sqlRoleAssignments' = {
    name: guid(account.id, appPrincipalId, 'keeps-keys')
    properties: {
      roleDefinitionId: keepsKeys.id
      principalId: appPrincipalId
      scope: '${account.id}/dbs/${database.name}/colls/${database::subjects.name}'
    }
    dependsOn: [appKeepsReceipts]
  }

  // The app drops views that were rebuilt, checkpoints and presence, and replaces snapshots; the host takes leases and
  // gives them up. One after the other, as the account locks itself for each.
  @batchSize(1)
  resource appUsesDerived 'sqlRoleAssignments' = [
    for container in [
      database::views.name
      database::state.name
      database::leases.name
      database::snapshots.name
    ]: {
      name: guid(account.id, appPrincipalId, container)
      properties: {
        roleDefinitionId: '${account.id}/sqlRoleDefinitions/${cosmosRoles.dataContributor}'
        principalId: appPrincipalId
        scope: '${account.id}/dbs/${database.name}/colls/${container}'
      }
      dependsOn: [appKeepsKeys]
    }
  ]

  // Whoever deploys may read receipts, to verify chains without the app; writing goes through the app.
  resource operatorReads 'sqlRoleAssignments' = if (!empty(operatorPrincipalId)) {
    name: guid(account.id, operatorPrincipalId, 'reads')
    properties: {
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${cosmosRoles.dataReader}'
      principalId: operatorPrincipalId
      scope: '${account.id}/dbs/${database.name}'
    }
    dependsOn: [appUsesDerived]
  }
}

// Who has changed the account, its roles and its containers. Not each request: receipts say who has done what, and a line
// for each would cost more than the request.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'ControlPlaneRequests', enabled: true }] }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: account
  name: 'keep'
  properties: { level: 'CanNotDelete', notes: 'The receipts are in it.' }
}

output id string = account.id
output name string = account.name
output endpoint string = account.properties.documentEndpoint
output database string = account::database.name
