// Azure NetApp Files: an account, which costs nothing. What people of the platform ask for (docs/volumes.md) the app
// makes in it.
param name string
param location string
param tags object
param subnetId string
param volumesPrincipalId string
param volumesClientId string
@description('From one snapshot of each volume to the next; 0: none is made by the clock.')
param snapshotHours int
@description('Of the account in another region that copies are kept in; empty: none are.')
param replicaAccountId string
param replicaLocation string
param replicaSubnetId string

resource account 'Microsoft.NetApp/netAppAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {}
}

// What the app asks, each by its name: it deletes no volume, reverts none to a snapshot, and breaks no replication.
resource managesVolumes 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'manages-volumes')
  properties: {
    roleName: 'Formicary: manage NetApp volumes (${name})'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.NetApp/locations/*/read'
          'Microsoft.NetApp/netAppAccounts/read'
          'Microsoft.NetApp/netAppAccounts/capacityPools/read'
          'Microsoft.NetApp/netAppAccounts/capacityPools/write'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/read'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/write'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/PoolChange/action'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/AuthorizeReplication/action'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/ReplicationStatus/read'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/snapshots/read'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/snapshots/write'
          'Microsoft.NetApp/netAppAccounts/capacityPools/volumes/snapshots/delete'
          'Microsoft.Network/virtualNetworks/subnets/join/action'
        ]
      }
    ]
  }
}

// The app makes volumes and snapshots, restores, replicates and changes tiers, within this group.
resource appManagesVolumes 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, volumesPrincipalId, 'manages-volumes')
  properties: {
    roleDefinitionId: managesVolumes.id
    principalId: volumesPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output name string = account.name

// What the app has to know of it; no secret among it.
output settings object = union(
  {
    FORMICARY_NETAPP__subscriptionId: subscription().subscriptionId
    FORMICARY_NETAPP__resourceGroup: resourceGroup().name
    FORMICARY_NETAPP__account: account.name
    FORMICARY_NETAPP__location: location
    FORMICARY_NETAPP__subnetId: subnetId
    FORMICARY_NETAPP__clientId: volumesClientId
  },
  snapshotHours > 0 ? { FORMICARY_NETAPP_SNAPSHOT_HOURS: string(snapshotHours) } : {},
  empty(replicaAccountId)
    ? {}
    : {
        FORMICARY_NETAPP_REPLICA__resourceGroup: split(replicaAccountId, '/')[4]
        FORMICARY_NETAPP_REPLICA__account: last(split(replicaAccountId, '/'))
        FORMICARY_NETAPP_REPLICA__location: replicaLocation
        FORMICARY_NETAPP_REPLICA__subnetId: replicaSubnetId
      }
)
