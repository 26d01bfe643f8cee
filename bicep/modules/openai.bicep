// An account of Azure AI Foundry with one OpenAI model, for whoever wants models in the same tenant. The app works
// without.
import { roles } from '../roles.bicep'

param name string
param location string
param tags object
param isPrivate bool
param workspaceId string
param model string
param modelVersion string
param appPrincipalId string
param appClientId string

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  // Projects, such as those of agents, are made in it by whoever wants some.
  identity: { type: 'SystemAssigned' }
  sku: { name: 'S0' }
  properties: {
    // Tokens of an identity need a host name of one's own.
    customSubDomainName: name
    disableLocalAuth: true
    allowProjectManagement: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow' }
  }

  resource deployment 'deployments' = {
    name: model
    sku: { name: 'GlobalStandard', capacity: 10 }
    properties: {
      model: { format: 'OpenAI', name: model, version: empty(modelVersion) ? null : modelVersion }
      versionUpgradeOption: 'OnceNewDefaultVersionAvailable'
    }
  }
}

// The app asks models, and can't deploy any.
resource appUsesModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, appPrincipalId, roles.cognitiveServicesOpenAiUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.cognitiveServicesOpenAiUser)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who has changed the account, and read its keys, which are off.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'Audit', enabled: true }] }
}

output id string = account.id
// Its own endpoint is that of all services; the `openai` package asks by this name of the same account.
output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com/'

// What the app has to know of it: it signs in as its identity, and there are no keys.
output settings object = {
  FORMICARY_OPENAI__endpoint: 'https://${account.properties.customSubDomainName}.openai.azure.com/'
  FORMICARY_OPENAI__deployment: account::deployment.name
  FORMICARY_OPENAI__clientId: appClientId
}
