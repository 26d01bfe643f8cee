// Two accounts: what the Functions host keeps for itself, and the payloads that are too large for a commit. The first
// can be lost without loss; receipts point into the second.
import { roles } from '../roles.bicep'

param resourceToken string
param location string
param tags object
param isPrivate bool
param appPrincipalId string

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
  sku: { name: 'Standard_LRS' }
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
  sku: { name: 'Standard_RAGRS' }
  properties: locked

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
  }
}

// The host leases blobs for timers and checkpoints, keeps its keys there and takes the package; it demands Owner.
resource hostUsesBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, appPrincipalId, roles.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The host writes to a table why a start has failed.
resource hostUsesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, appPrincipalId, roles.storageTableDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageTableDataContributor)
    principalId: appPrincipalId
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

output hostId string = host.id
output hostName string = host.name
output packageContainer string = host::blobs::package.name
output archiveId string = archive.id
output blobsUri string = archive.properties.primaryEndpoints.blob
