// Web PubSub: holds a connection for each agent, over which it is told when to look into its inbox. Nothing is read or
// kept there, and the app works without.
param name string
param location string
param tags object
param isPrivate bool
param workspaceId string
@description('1,000 connections each.')
param units int
param appPrincipalId string

resource service 'Microsoft.SignalRService/webPubSub@2024-03-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard_S1', tier: 'Standard', capacity: units }
  properties: {
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkACLs: {
      defaultAction: 'Deny'
      // The app sends and asks for tokens by REST, agents connect; nobody looks at messages as they pass.
      publicNetwork: { allow: isPrivate ? [] : ['ClientConnection', 'RESTAPI'] }
    }
  }

  // Nobody handles what clients send, and nobody connects without a token.
  resource hub 'hubs' = {
    name: 'formicary'
    properties: { anonymousConnectPolicy: 'deny' }
  }
}

// To ask for a token of a client, and to let it connect with that, takes two of these, one of which also ends
// connections; one sends to a user, and one lists who is connected. Of the roles that are built in only the owner has
// them, who could do everything else as well.
resource tells 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'tells-agents')
  properties: {
    roleName: 'Formicary: tell agents when to look (${name})'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        dataActions: [
          'Microsoft.SignalRService/WebPubSub/clientConnection/generateToken/action'
          'Microsoft.SignalRService/WebPubSub/clientConnection/write'
          'Microsoft.SignalRService/WebPubSub/user/send/action'
          'Microsoft.SignalRService/WebPubSub/group/read'
        ]
      }
    ]
  }
}

// The app tells agents when to look.
resource appTells 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: service
  name: guid(service.id, appPrincipalId, 'tells-agents')
  properties: {
    roleDefinitionId: tells.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who has connected, and when. What is sent says nothing, and would be a line for each hint.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: service
  name: 'connections'
  properties: { workspaceId: workspaceId, logs: [{ category: 'ConnectivityLogs', enabled: true }] }
}

output id string = service.id

// What the app has to know of it: it signs in as its identity, and there are no keys.
output settings object = {
  FORMICARY_WEBPUBSUB__endpoint: 'https://${service.properties.hostName}/'
  FORMICARY_WEBPUBSUB_CONNECTIONS: string(units * 1000)
}
