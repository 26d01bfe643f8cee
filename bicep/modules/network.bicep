// A network of our own: the app's instances, the private endpoints, and NetApp's volumes, each in its subnet.
param name string
param location string
param tags object

resource rules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${name}-rules'
  location: location
  tags: tags
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
      addressPrefix: '10.40.0.0/21'
      networkSecurityGroup: { id: rules.id }
      delegations: [{ name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }]
    }
  }

  // One after the other: a network takes one change at a time.
  resource endpoints 'subnets' = {
    name: 'endpoints'
    properties: {
      addressPrefix: '10.40.8.0/24'
      networkSecurityGroup: { id: rules.id }
    }
    dependsOn: [app]
  }

  resource netApp 'subnets' = {
    name: 'netapp'
    properties: {
      addressPrefix: '10.40.9.0/26'
      delegations: [{ name: 'netapp', properties: { serviceName: 'Microsoft.NetApp/volumes' } }]
    }
    dependsOn: [endpoints]
  }
}

output id string = vnet.id
output appSubnetId string = vnet::app.id
output endpointSubnetId string = vnet::endpoints.id
output netAppSubnetId string = vnet::netApp.id
