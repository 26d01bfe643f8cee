// A network of our own: the app's instances, the private endpoints, and NetApp's volumes, each in its subnet.
param name string
param location string
param tags object
param workspaceId string

var appPrefix = '10.40.0.0/21'

// The app speaks to services, and nobody to it: its requests come in by its private endpoint, or from outside.
resource appRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-app'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-terminals'
        properties: {
          direction: 'Outbound'
          access: 'Deny'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRanges: ['22', '3389']
        }
      }
    ]
  }
}

// The app reaches all services; the rest of the network the API alone, which is asked over HTTPS.
resource endpointRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'from-the-app'
        properties: {
          direction: 'Inbound'
          access: 'Allow'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: appPrefix
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
      {
        name: 'https'
        properties: {
          direction: 'Inbound'
          access: 'Allow'
          priority: 210
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
      {
        name: 'no-terminals'
        properties: {
          direction: 'Outbound'
          access: 'Deny'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRanges: ['22', '3389']
        }
      }
    ]
  }
}

// Volumes take no more than that from the app, which asks a bucket over HTTPS and mounts by NFS; they ask nobody.
resource netAppRules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-netapp'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'from-the-app'
        properties: {
          direction: 'Inbound'
          access: 'Allow'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: appPrefix
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRanges: ['443', '2049']
        }
      }
      {
        name: 'nothing-else'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
      {
        name: 'no-terminals'
        properties: {
          direction: 'Outbound'
          access: 'Deny'
          priority: 200
          protocol: 'Tcp'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRanges: ['22', '3389']
        }
      }
    ]
  }
}

resource appRulesLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: appRules
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'NetworkSecurityGroupEvent', enabled: true }] }
}
resource endpointRulesLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: endpointRules
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'NetworkSecurityGroupEvent', enabled: true }] }
}
resource netAppRulesLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: netAppRules
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'NetworkSecurityGroupEvent', enabled: true }] }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.40.0.0/16'] }
  }

  // Each instance of the app takes an address.
  resource app 'subnets' = {
    name: 'app'
    properties: {
      addressPrefix: appPrefix
      networkSecurityGroup: { id: appRules.id }
      delegations: [{ name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }]
    }
  }

  // One after the other: a network takes one change at a time.
  resource endpoints 'subnets' = {
    name: 'endpoints'
    properties: {
      addressPrefix: '10.40.8.0/24'
      // Rules hold for private endpoints only where this says so; nothing there goes out.
      privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
      defaultOutboundAccess: false
      networkSecurityGroup: { id: endpointRules.id }
    }
    dependsOn: [app]
  }

  resource netApp 'subnets' = {
    name: 'netapp'
    properties: {
      addressPrefix: '10.40.9.0/26'
      // Rules hold for volumes with standard network features, and no others are made.
      defaultOutboundAccess: false
      networkSecurityGroup: { id: netAppRules.id }
      delegations: [{ name: 'netapp', properties: { serviceName: 'Microsoft.NetApp/volumes' } }]
    }
    dependsOn: [endpoints]
  }
}

output id string = vnet.id
output appSubnetId string = vnet::app.id
output endpointSubnetId string = vnet::endpoints.id
output netAppSubnetId string = vnet::netApp.id
