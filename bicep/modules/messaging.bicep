// Event Hubs: signals come in, CloudEvents go out. Service Bus: deadlines, and what could not be handled. What a hub takes
// in is by its tier: docs/cost.md has the arithmetic for 100,000 signals a second.
import { roles } from '../roles.bicep'

param resourceToken string
param location string
param tags object
param isPrivate bool
param workspaceId string
@allowed(['Standard', 'Premium'])
param eventHubsTier string
param eventHubsUnits int
param signalPartitions int
param archiveName string
param capturesSignals bool
param appPrincipalId string
param operatorPrincipalId string
@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorPrincipalType string

// The app takes up again what Service Bus has given up on, so ten deliveries are enough. A send that is tried again keeps
// its message's id, which is drawn for each message: so a lost answer doubles nothing. A full queue refuses what is sent,
// and deadlines wait there for as long as they last: so it has the most room that there is in the tier Standard.
var queue = {
  lockDuration: 'PT1M'
  maxDeliveryCount: 10
  deadLetteringOnMessageExpiration: true
  maxSizeInMegabytes: 5120
  requiresDuplicateDetection: true
  duplicateDetectionHistoryTimeWindow: 'PT10M'
}

// Where what could not be handled waits: one queue for each consumer of the feed, and one for signals.
var parked = [
  'parked-views'
  'parked-reactions'
  'parked-balance'
  'parked-jobs'
  'parked-notices'
  'parked-decisions'
  'parked-erasures'
  'parked-publisher'
  'parked-signals'
]

var isStandard = eventHubsTier == 'Standard'

resource eventHubs 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: 'evhns-${resourceToken}'
  location: location
  tags: tags
  // Standard grows by itself from one throughput unit, and does not shrink by itself; Premium has the units that it has.
  sku: { name: eventHubsTier, tier: eventHubsTier, capacity: isStandard ? 1 : eventHubsUnits }
  identity: capturesSignals ? { type: 'SystemAssigned' } : { type: 'None' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    isAutoInflateEnabled: isStandard
    maximumThroughputUnits: isStandard ? eventHubsUnits : 0
  }

  // The number of partitions can't be changed in the tier Standard; 32 is its most.
  resource events 'eventhubs' = {
    name: 'events'
    properties: { partitionCount: 32, retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 } }
  }
}

// Signals as they came, before anybody has understood them: Avro files in the archive, five minutes or 300 MB each.
resource signals 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: eventHubs
  name: 'signals'
  properties: {
    partitionCount: signalPartitions
    retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: 168 }
    captureDescription: capturesSignals
      ? {
          enabled: true
          encoding: 'Avro'
          intervalInSeconds: 300
          sizeLimitInBytes: 314572800
          skipEmptyArchives: true
          destination: {
            name: 'EventHubArchive.AzureBlockBlob'
            identity: { type: 'SystemAssigned' }
            properties: {
              storageAccountResourceId: resourceId('Microsoft.Storage/storageAccounts', archiveName)
              blobContainer: raw.name
              archiveNameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
            }
          }
        }
      : null
  }
  dependsOn: [capturerWrites]

  // Its own: who looks at the hub with a tool of theirs reads by the default group, and takes no partition away.
  resource group 'consumergroups' = {
    name: 'formicary'
  }
}

resource raw 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = {
  name: '${archiveName}/default/signals'
}

// The namespace writes what it captures into that one container.
resource capturerWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (capturesSignals) {
  scope: raw
  name: guid(raw.id, eventHubs.id, roles.storageBlobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataContributor)
    principalId: capturesSignals ? eventHubs.identity.principalId : ''
    principalType: 'ServicePrincipal'
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

  resource deadlines 'queues' = {
    name: 'deadlines'
    // A store that is away for long uses up deliveries, each after the minutes that the app waits within it.
    properties: union(queue, { maxDeliveryCount: 100 })
  }
}

resource parkedQueues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for name in parked: {
    parent: serviceBus
    name: name
    properties: queue
  }
]

// The app reads signals.
resource appReceivesSignals 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: signals
  name: guid(signals.id, appPrincipalId, roles.eventHubsDataReceiver)
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
  scope: signals
  name: guid(signals.id, operatorPrincipalId, roles.eventHubsDataSender)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.eventHubsDataSender)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

// The app schedules deadlines, and a trigger receives them. To wake the app when nobody is there, the platform counts
// those that wait, and only an owner of the queue may.
resource appOwnsDeadlines 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: serviceBus::deadlines
  name: guid(serviceBus::deadlines.id, appPrincipalId, roles.serviceBusDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataOwner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app parks what it could not handle.
resource appParks 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in parked: {
    scope: parkedQueues[index]
    name: guid(parkedQueues[index].id, appPrincipalId, roles.serviceBusDataSender)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

// The app tries again what it has parked; it asks by itself, so no trigger needs more.
resource appTriesAgain 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, index) in parked: {
    scope: parkedQueues[index]
    name: guid(parkedQueues[index].id, appPrincipalId, roles.serviceBusDataReceiver)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

// Who has changed the namespaces, and what has failed in them.
resource eventHubsLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: eventHubs
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }, { category: 'DiagnosticErrorLogs', enabled: true }]
  }
}
resource serviceBusLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: serviceBus
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }, { category: 'DiagnosticErrorLogs', enabled: true }]
  }
}

output eventHubsId string = eventHubs.id
output eventHubsHost string = parseUri(eventHubs.properties.serviceBusEndpoint).host
output signalHub string = signals.name
output eventHub string = eventHubs::events.name
output serviceBusId string = serviceBus.id
output serviceBusHost string = parseUri(serviceBus.properties.serviceBusEndpoint).host
