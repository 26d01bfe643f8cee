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
param appPrincipalId string
param operatorPrincipalId string

var places = concat([location], empty(secondaryLocation) ? [] : [secondaryLocation])
// A container gets a physical partition for each 10,000 RU/s that it is made with, and keeps them when that is lowered:
// to a tenth at the least. A trigger on the feed has as many instances as there are partitions.
var madeWith = eventsPartitions * 10000
// Serverless containers have no throughput of their own. The small ones rest at 100 RU/s.
var eventsOptions = isServerless ? {} : { autoscaleSettings: { maxThroughput: madeWith } }
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

    // Read models: derived, rebuilt at will. They are filtered by any field, and read in order of key and source.
    resource views 'containers' = {
      name: 'views'
      properties: {
        resource: {
          id: 'views'
          partitionKey: { paths: ['/partition'], kind: 'Hash', version: 2 }
          indexingPolicy: {
            indexingMode: 'consistent'
            automatic: true
            includedPaths: [{ path: '/*' }]
            compositeIndexes: [
              [
                { path: '/key', order: 'ascending' }
                { path: '/source', order: 'ascending' }
              ]
            ]
          }
        }
        options: smallOptions
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
        options: smallOptions
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

    // Who reads which part of the feed; the Functions host writes it.
    resource leases 'containers' = {
      name: 'leases'
      properties: {
        resource: { id: 'leases', partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }, defaultTtl: -1 }
        options: smallOptions
      }
    }
  }

  resource keepsReceipts 'sqlRoleDefinitions' = {
    name: guid(account.id, 'keeps-receipts')
    properties: {
      roleName: 'Formicary: read and write, never delete'
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
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/replace'
            'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/upsert'
          ]
        }
      ]
    }
  }

  // The app appends commits, replaces heads and follows the feed, but can't delete a receipt.
  resource appKeepsReceipts 'sqlRoleAssignments' = {
    name: guid(account.id, appPrincipalId, 'keeps-receipts')
    properties: {
      roleDefinitionId: keepsReceipts.id
      principalId: appPrincipalId
      scope: '${account.id}/dbs/${database.name}'
    }
  }

  // The app drops views that were rebuilt, checkpoints and presence; the host takes leases and gives them up. One after
  // the other, as the account locks itself for each.
  @batchSize(1)
  resource appUsesDerived 'sqlRoleAssignments' = [
    for container in [database::views.name, database::state.name, database::leases.name]: {
      name: guid(account.id, appPrincipalId, container)
      properties: {
        roleDefinitionId: '${account.id}/sqlRoleDefinitions/${cosmosRoles.dataContributor}'
        principalId: appPrincipalId
        scope: '${account.id}/dbs/${database.name}/colls/${container}'
      }
      dependsOn: [appKeepsReceipts]
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
