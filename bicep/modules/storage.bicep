// Three accounts: what the Functions host keeps for itself, the payloads that are too large for a commit, and the
// checkpoints of the signed logs. The first can be lost without loss; receipts point into the second; the third proves
// what they were, so nobody can change or delete what is in it.
import { roles } from '../roles.bicep'

param resourceToken string
param location string
param tags object
param isPrivate bool
param isZoneRedundant bool
param isLocked bool
@description('Days for which a checkpoint can be neither changed nor deleted.')
param anchorDays int
@allowed(['Unlocked', 'Locked'])
@description('Locked: nobody can make those days fewer any more, nor delete the account while they last.')
param anchorPolicy string
param workspaceId string
param platformPrincipalId string
param capturesSignals bool
param appPrincipalId string

var archiveSku = isZoneRedundant ? 'Standard_RAGZRS' : 'Standard_RAGRS'
var locked = {
  allowSharedKeyAccess: false
  allowBlobPublicAccess: false
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'None' }
}

resource host 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'sthost${resourceToken}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: isZoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: locked

  resource blobs 'blobServices' = {
    name: 'default'

    resource package 'containers' = {
      name: 'app-package'
    }
  }
}

resource archive 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'stdata${resourceToken}'
  location: location
  tags: tags
  kind: 'StorageV2'
  // A copy in the paired region, which can be read from.
  sku: { name: archiveSku }
  // Capture reaches a closed account as a trusted service.
  properties: union(locked, capturesSignals ? { networkAcls: union(locked.networkAcls, { bypass: 'AzureServices' }) } : {})

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      isVersioningEnabled: true
      deleteRetentionPolicy: { enabled: true, days: 30 }
      containerDeleteRetentionPolicy: { enabled: true, days: 30 }
    }

    resource payloads 'containers' = {
      name: 'payloads'
    }

    // What Event Hubs captures of signals, where it is asked to.
    resource signals 'containers' = {
      name: 'signals'
    }
  }
}

resource anchors 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: 'stseal${resourceToken}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: archiveSku }
  // Of versions, and from the first day on: it can't be switched on later.
  properties: union(locked, {
    immutableStorageWithVersioning: {
      enabled: true
      immutabilityPolicy: {
        immutabilityPeriodSinceCreationInDays: anchorDays
        allowProtectedAppendWrites: false
        state: anchorPolicy
      }
    }
  })

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      isVersioningEnabled: true
      deleteRetentionPolicy: { enabled: true, days: 30 }
      containerDeleteRetentionPolicy: { enabled: true, days: 30 }
    }

    resource checkpoints 'containers' = {
      name: 'checkpoints'
    }
  }
}

// The host leases blobs for timers and checkpoints, keeps its keys there and takes the package; it demands Owner.
resource hostUsesBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, platformPrincipalId, roles.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
    principalId: platformPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The host writes to a table why a start has failed.
resource hostUsesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, platformPrincipalId, roles.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageTableDataContributor)
    principalId: platformPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app writes and reads payloads, in this one container.
resource appUsesPayloads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: archive::blobs::payloads
  name: guid(archive::blobs::payloads.id, appPrincipalId, roles.storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app writes checkpoints there, and what it has written stays.
resource appAnchors 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: anchors::blobs::checkpoints
  name: guid(anchors::blobs::checkpoints.id, appPrincipalId, roles.storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who has deleted what; of checkpoints, also who has written and read which.
resource archiveLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: archive::blobs
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'StorageDelete', enabled: true }] }
}
resource anchorLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: anchors::blobs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageRead', enabled: true }
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}
resource hostLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: host::blobs
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'StorageDelete', enabled: true }] }
}

resource archiveLock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: archive
  name: 'keep'
  properties: { level: 'CanNotDelete', notes: 'Receipts point into it.' }
}
resource anchorLock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: anchors
  name: 'keep'
  properties: { level: 'CanNotDelete', notes: 'It proves what receipts were.' }
}

output hostId string = host.id
output hostName string = host.name
output packageContainer string = host::blobs::package.name
output archiveId string = archive.id
output archiveName string = archive.name
output blobsUri string = archive.properties.primaryEndpoints.blob
output anchorsId string = anchors.id
output anchorsName string = anchors.name
output checkpointsUri string = '${anchors.properties.primaryEndpoints.blob}${anchors::blobs::checkpoints.name}'
