// The colony on Azure: one resource group with everything in it. `azd up` deploys it; docs/deploy.md is the guide.
// No key, password or connection string opens anything here: the app has one identity, and each module gives that
// identity what it needs of the resource that the module makes.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; all names come from it.')
param environmentName string

@minLength(1)
@description('Region of everything.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Who deploys, as an object id: may read receipts, send signals and write secrets. Empty: nobody.')
param principalId string = ''

@allowed(['User', 'ServicePrincipal', 'Group'])
@description('What principalId is.')
param principalType string = 'User'

@description('Addresses (CIDR, separated by commas) that may reach the API. Empty: none.')
param allowedAddresses string = ''

@description('Closes every data service to the Internet: a virtual network with private endpoints. Service Bus is then Premium, which costs more.')
param privateNetwork bool = false

@secure()
@description('What the keys of the colony are derived from: what the vault has, at first something short and random.')
param identitySecret string

@allowed(['autoscale', 'serverless'])
@description('How Cosmos DB is paid: autoscale grows without a limit of ours; serverless costs nothing at rest, has one region and a ceiling.')
param cosmosMode string = 'autoscale'

@minValue(1000)
@description('Autoscale: the most request units a second of the event container, in steps of 1000.')
param cosmosMaxThroughput int = 4000

@description('A second region that receipts are copied to before they are acknowledged. Empty: none. Autoscale only.')
param secondaryLocation string = ''

@minValue(0)
@maxValue(3)
@description('Durable Task Scheduler: 0 is paid by action (500 a second); 1 to 3 are units of its own (2,000 a second each).')
param durableTaskUnits int = 0

@minValue(40)
@maxValue(1000)
@description('The most instances of the app.')
param maximumInstances int = 100

@minValue(0)
@description('Instances that are always ready for requests. 0: the app goes to zero when nothing happens.')
param alwaysReadyInstances int = 0

@description('Names of settings, separated by commas, that come from Key Vault: FORMICARY_SMTP_PASSWORD is the secret formicary-smtp-password.')
param secretSettings string = ''

@description('Where alerts go. Empty: they only show in the portal.')
param alertEmail string = ''

@description('An OpenAI model to deploy, for example gpt-4.1-mini. Empty: no OpenAI account.')
param openAiModel string = ''

@description('An Azure NetApp Files account and a subnet for it. The pools that the app makes there cost at rest.')
param netAppFiles bool = false

var resourceToken = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var hasNetwork = privateNetwork || netAppFiles
var hasOpenAi = !empty(openAiModel)

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-${resourceToken}', location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    isPrivate: privateNetwork
    appPrincipalId: identity.outputs.principalId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  scope: group
  params: {
    name: 'cosmos-${resourceToken}'
    location: location
    secondaryLocation: secondaryLocation
    tags: tags
    isPrivate: privateNetwork
    isServerless: cosmosMode == 'serverless'
    maxThroughput: cosmosMaxThroughput
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
  }
}

module messaging 'modules/messaging.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    isPrivate: privateNetwork
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
  }
}

module durable 'modules/durable.bicep' = {
  scope: group
  params: {
    name: 'dts-${resourceToken}'
    location: location
    tags: tags
    units: durableTaskUnits
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    name: 'kv-${resourceToken}'
    location: location
    tags: tags
    isPrivate: privateNetwork
    appPrincipalId: identity.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
    identitySecret: identitySecret
  }
}

module openAi 'modules/openai.bicep' = if (hasOpenAi) {
  scope: group
  params: {
    name: 'oai-${resourceToken}'
    location: location
    tags: tags
    isPrivate: privateNetwork
    model: openAiModel
    appPrincipalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (hasNetwork) {
  scope: group
  params: { name: 'vnet-${resourceToken}', location: location, tags: tags }
}

module netApp 'modules/netapp.bicep' = if (netAppFiles) {
  scope: group
  params: {
    name: 'anf-${resourceToken}'
    location: location
    tags: tags
    subnetId: network!.outputs.netAppSubnetId
    appPrincipalId: identity.outputs.principalId
  }
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    identityId: identity.outputs.id
    clientId: identity.outputs.clientId
    subnetId: hasNetwork ? network!.outputs.appSubnetId : ''
    allowedAddresses: allowedAddresses
    maximumInstances: maximumInstances
    alwaysReadyInstances: alwaysReadyInstances
    insightsName: monitoring.outputs.insightsName
    hostStorageName: storage.outputs.hostName
    packageContainer: storage.outputs.packageContainer
    blobsUri: storage.outputs.blobsUri
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    eventHubsHost: messaging.outputs.eventHubsHost
    signalHub: messaging.outputs.signalHub
    eventHub: messaging.outputs.eventHub
    serviceBusHost: messaging.outputs.serviceBusHost
    durableEndpoint: durable.outputs.endpoint
    vaultUri: vault.outputs.uri
    secretSettings: secretSettings
    netAppSettings: netAppFiles ? netApp!.outputs.settings : {}
  }
}

module endpoints 'modules/endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    vnetId: network!.outputs.id
    subnetId: network!.outputs.endpointSubnetId
    targets: concat(
      [
        { name: 'api', id: app.outputs.id, part: 'sites', zone: 'privatelink.azurewebsites.net' }
        { name: 'cosmos', id: cosmos.outputs.id, part: 'Sql', zone: 'privatelink.documents.azure.com' }
        { name: 'event-hubs', id: messaging.outputs.eventHubsId, part: 'namespace', zone: 'privatelink.servicebus.windows.net' }
        { name: 'service-bus', id: messaging.outputs.serviceBusId, part: 'namespace', zone: 'privatelink.servicebus.windows.net' }
        { name: 'host-blobs', id: storage.outputs.hostId, part: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
        { name: 'host-tables', id: storage.outputs.hostId, part: 'table', zone: 'privatelink.table.${environment().suffixes.storage}' }
        { name: 'payloads', id: storage.outputs.archiveId, part: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
        { name: 'vault', id: vault.outputs.id, part: 'vault', zone: 'privatelink.vaultcore.azure.net' }
      ],
      hasOpenAi ? [{ name: 'openai', id: openAi!.outputs.id, part: 'account', zone: 'privatelink.openai.azure.com' }] : []
    )
  }
}

module watch 'modules/watch.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    cosmosId: cosmos.outputs.id
    serviceBusId: messaging.outputs.serviceBusId
    email: alertEmail
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output AZURE_COSMOS_ACCOUNT_NAME string = cosmos.outputs.name
output AZURE_OPENAI_ENDPOINT string = hasOpenAi ? openAi!.outputs.endpoint : ''
output SERVICE_API_NAME string = app.outputs.name
output SERVICE_API_URI string = app.outputs.uri
