// Event Hubs: signals come in, CloudEvents go out. Service Bus: deadlines, and commands that need no answer at once.
import { roles } from '../roles.bicep'

param resourceToken string
param location string
param tags object
param isPrivate bool
param appPrincipalId string
param operatorPrincipalId string
@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorPrincipalType string

var queue = {
  lockDuration: 'PT1M'
  maxDeliveryCount: 10
  deadLetteringOnMessageExpiration: true
  requiresDuplicateDetection: true
}

resource eventHubs 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: 'evhns-${resourceToken}'
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard', capacity: 1 }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    // It grows by itself, and does not shrink by itself.
    isAutoInflateEnabled: true
    maximumThroughputUnits: 10
  }

  // The number of partitions can't be changed in this tier; 32 is its most.
  resource signals 'eventhubs' = {
    name: 'signals'
    properties: { partitionCount: 32, retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 } }
  }

  resource events 'eventhubs' = {
    name: 'events'
    properties: { partitionCount: 32, retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 } }
  }
}

resource serviceBus 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: 'sb-${resourceToken}'
  location: location
  tags: tags
  // Only Premium has private endpoints.
  sku: isPrivate ? { name: 'Premium', tier: 'Premium', capacity: 1 } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }

  // A send that is tried again keeps its message's id, which is drawn for each message: so a lost answer doubles nothing.
  resource deadlines 'queues' = {
    name: 'deadlines'
    properties: queue
  }

  resource commands 'queues' = {
    name: 'commands'
    properties: queue
  }
}

// The app reads signals.
resource appReceivesSignals 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: eventHubs::signals
  name: guid(eventHubs::signals.id, appPrincipalId, roles.eventHubsDataReceiver)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventHubsDataReceiver)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app publishes what happened.
resource appSendsEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: eventHubs::events
  name: guid(eventHubs::events.id, appPrincipalId, roles.eventHubsDataSender)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventHubsDataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Whoever deploys may send signals, to try it out.
resource operatorSendsSignals 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: eventHubs::signals
  name: guid(eventHubs::signals.id, operatorPrincipalId, roles.eventHubsDataSender)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventHubsDataSender)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

// The app schedules deadlines and receives them when they are due; it asks by itself, so no trigger needs Owner.
resource appUsesDeadlines 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [roles.serviceBusDataSender, roles.serviceBusDataReceiver]: {
    scope: serviceBus::deadlines
    name: guid(serviceBus::deadlines.id, appPrincipalId, role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

// The app queues commands, receives them, and sends again what was dead.
resource appUsesCommands 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in [roles.serviceBusDataSender, roles.serviceBusDataReceiver]: {
    scope: serviceBus::commands
    name: guid(serviceBus::commands.id, appPrincipalId, role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

output eventHubsId string = eventHubs.id
output eventHubsHost string = parseUri(eventHubs.properties.serviceBusEndpoint).host
output signalHub string = eventHubs::signals.name
output serviceBusId string = serviceBus.id
output serviceBusHost string = parseUri(serviceBus.properties.serviceBusEndpoint).host
