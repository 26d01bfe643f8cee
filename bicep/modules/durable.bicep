// Durable Task Scheduler: the waiting of rounds and approvals. What was decided is in the event store; a hub that is
// lost is filled again from there.
import { roles } from '../roles.bicep'

param name string
param location string
param tags object
param units int
param isPrivate bool
@minValue(1)
@maxValue(90)
@description('Days that orchestrations are kept after their end.')
param retentionDays int
param appPrincipalId string
param operatorPrincipalId string
@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorPrincipalType string

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: units == 0 ? { name: 'Consumption' } : { name: 'Dedicated', capacity: units }
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    // In public its door is the identity; an empty list keeps everybody out.
    ipAllowlist: isPrivate ? [] : ['0.0.0.0/0']
  }

  // The service removes what has ended; nothing of ours does.
  resource retention 'retentionPolicies' = {
    name: 'default'
    properties: { retentionPolicies: [{ retentionPeriodInDays: retentionDays }] }
  }

  // Named in host.json.
  resource hub 'taskHubs' = {
    name: 'formicary'
    properties: {}
  }
}

// The app starts, wakes and runs orchestrations, in this one hub. A worker's role would not let it start any.
resource appUsesHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: scheduler::hub
  name: guid(scheduler::hub.id, appPrincipalId, roles.durableTaskDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Whoever deploys may look at the dashboard.
resource operatorSeesHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: scheduler::hub
  name: guid(scheduler::hub.id, operatorPrincipalId, roles.durableTaskDataReader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataReader)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

output id string = scheduler.id
output endpoint string = scheduler.properties.endpoint
