// Durable Task Scheduler: the waiting of rounds and approvals. What was decided is in the event store; a hub that is
// lost is filled again from there.
import { roles } from '../roles.bicep'

param name string
param location string
param tags object
param units int
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
    // Its door is the identity; an empty list would keep everybody out.
    ipAllowlist: ['0.0.0.0/0']
  }

  // Named in host.json.
  resource hub 'taskHubs' = {
    name: 'formicary'
    properties: {}
  }
}

// The app starts, wakes and runs orchestrations, in this one hub.
resource appUsesHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: scheduler::hub
  name: guid(scheduler::hub.id, appPrincipalId, roles.durableTaskDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Whoever deploys may look at the dashboard; there is no role that only reads.
resource operatorSeesHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: scheduler::hub
  name: guid(scheduler::hub.id, operatorPrincipalId, roles.durableTaskDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataContributor)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

output endpoint string = scheduler.properties.endpoint
