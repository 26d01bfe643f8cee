// A volume of NetApp Files for large payloads, in a pool of its own, and a name by which the network finds it. The bucket
// that shows it is made by hand (docs/deploy.md): it takes a private key, and gives out another.
param name string
param location string
param tags object
param vnetId string
param subnetId string
param accountName string
param isLocked bool
@minValue(1)
@maxValue(100)
@description('Of the pool, and of the volume.')
param tebibytes int

var bytes = tebibytes * 1099511627776

resource account 'Microsoft.NetApp/netAppAccounts@2025-06-01' existing = {
  name: accountName
}

// Costs nothing until something changes, and payloads don't: what somebody takes away comes back.
resource daily 'Microsoft.NetApp/netAppAccounts/snapshotPolicies@2025-06-01' = {
  parent: account
  name: 'daily'
  location: location
  tags: tags
  properties: {
    enabled: true
    dailySchedule: { snapshotsToKeep: 30, hour: 3, minute: 0 }
  }
}

resource pool 'Microsoft.NetApp/netAppAccounts/capacityPools@2025-06-01' = {
  parent: account
  name: 'payloads'
  location: location
  tags: tags
  properties: { serviceLevel: 'Premium', size: bytes, coolAccess: true }

  // What nobody has asked for in a month lies where it costs less, and is read from there as before.
  resource volume 'volumes' = {
    name: 'payloads'
    location: location
    tags: tags
    properties: {
      creationToken: name
      usageThreshold: bytes
      subnetId: subnetId
      networkFeatures: 'Standard'
      protocolTypes: ['NFSv4.1']
      coolAccess: true
      coolnessPeriod: 30
      dataProtection: { snapshot: { snapshotPolicyId: daily.id } }
    }
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: pool::volume
  name: 'keep'
  properties: { level: 'CanNotDelete', notes: 'Receipts point into it.' }
}

// A certificate names a host; the volume itself has only an address.
resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: '${name}.internal'
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: 'colony'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: vnetId }
    }
  }

  resource host 'A' = {
    name: 'payloads'
    properties: {
      ttl: 300
      aRecords: [{ ipv4Address: pool::volume.properties.mountTargets[0].ipAddress }]
    }
  }
}

output host string = 'payloads.${zone.name}'
