// The colony on Azure: one resource group with everything in it. `azd up` deploys it; docs/deploy.md is the guide.
// No key, password or connection string opens anything here: the app has an identity for each duty, and each module gives
// one of them what it needs of the resource that the module makes.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; all names come from it.')
param environmentName string

// Those that have both Flex Consumption and the Durable Task Scheduler, as the samples of Azure list them (August 2026).
@allowed([
  'australiaeast'
  'centralus'
  'eastasia'
  'eastus2'
  'northcentralus'
  'northeurope'
  'southeastasia'
  'swedencentral'
  'uksouth'
  'westus2'
])
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

@secure()
@description('What checkpoints are signed with beside the key of the vault: what the vault has, at first something random.')
param logKey string

@description('Client id of the app registration in Entra ID whose tokens people and services show. Empty: tokens of the colony alone.')
param signInAudience string = ''

@description('The tenant of the colony that callers of this directory belong to.')
param signInTenant string = 'default'

@allowed(['open', 'closed'])
@description('closed: nobody acts in a tenant before people of platform have created it.')
param tenantAccess string = 'open'

@description('Copies in several zones of the region, where it has them. Choose it at the start.')
param zoneRedundant bool = false

@description('Locks against deletion on what holds receipts, payloads, checkpoints and keys.')
param locks bool = false

@minValue(183)
@maxValue(3650)
@description('Days for which a checkpoint can be neither changed nor deleted.')
param anchorDays int = 365

@allowed(['Unlocked', 'Locked'])
@description('Locked, for good: those days can only become more, and the account can not be deleted while they last.')
param anchorPolicy string = 'Unlocked'

@minValue(1)
@maxValue(90)
@description('Days that orchestrations are kept after their end.')
param durableTaskDays int = 30

@minValue(1)
@description('Gigabytes of logs a day, then none until the next.')
param dailyLogGigabytes int = 2

@allowed(['autoscale', 'serverless'])
@description('How Cosmos DB is paid: autoscale grows without a limit of ours; serverless costs nothing at rest, has one region and a ceiling.')
param cosmosMode string = 'autoscale'

@minValue(1000)
@description('Autoscale: the most request units a second of the event container, in steps of 1000.')
param cosmosMaxThroughput int = 4000

@minValue(1)
@maxValue(100)
@description('Autoscale: physical partitions that the event container is made with. As many instances at most react to what happens, and fill the views; each partition has its part of the throughput. Fixed once it is made.')
param eventsPartitions int = 4

@minValue(1000)
@description('Autoscale: the most request units a second of the views, and as many of the state, in steps of 1000.')
param viewsMaxThroughput int = 1000

@description('A second region that receipts are copied to before they are acknowledged. Empty: none. Autoscale only.')
param secondaryLocation string = ''

@allowed(['Standard', 'Premium'])
@description('Tier of Event Hubs: Standard takes 1,000 events or 1 MB a second in for each unit; Premium 5 to 10 MB, and more partitions.')
param eventHubsTier string = 'Standard'

@minValue(1)
@maxValue(40)
@description('Standard: the most throughput units that Event Hubs grows to by itself; Premium: its processing units (1, 2, 4, 6, 8, 10, 12 or 16).')
param eventHubsUnits int = 10

@minValue(1)
@maxValue(100)
@description('Partitions of the hub of signals, each of which one instance reads; at most 32 in Standard, and there they stay as they are made.')
param signalPartitions int = 32

@minValue(1)
@maxValue(5000)
@description('The most messages that the trigger hands over at once. They are taken in 256 signals at a time: for each 256 a commit of the intake, and one of each trail that is among them.')
param signalBatch int = 500

@description('Keeps signals as they came, as files in the archive.')
param captureSignals bool = false

@minValue(0)
@maxValue(3)
@description('Durable Task Scheduler: 0 is paid by action (500 a second); 1 to 3 are units of its own (2,000 a second each).')
param durableTaskUnits int = 0

@minValue(40)
@maxValue(1000)
@description('The most instances of the app. More than 250, for all apps of the subscription in the region, take a quota that Azure has to raise.')
param maximumInstances int = 100

@description('Instances that never sleep, by group, for example http=1,durable=1,function:reactions=1,function:deadlines=1. Empty: the app goes to zero when nothing happens.')
param alwaysReady string = ''

@allowed(['22', '24'])
@description('Node of the app. 22 is what is known to run on Flex Consumption; it ends there in April 2027.')
param nodeVersion string = '22'

@description('Names of settings, separated by commas, that come from Key Vault: FORMICARY_SMTP_PASSWORD is the secret formicary-smtp-password.')
param secretSettings string = ''

@description('Where alerts go. Empty: they only show in the portal.')
param alertEmail string = ''

@description('An OpenAI model to deploy, for example gpt-5-mini. Empty: no OpenAI account.')
param openAiModel string = ''

@description('Version of the model. Empty: the one that is the default when it is deployed.')
param openAiModelVersion string = ''

// Units come one by one up to ten, and then in tens.
@allowed([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
@description('Units of Web PubSub, each for 1,000 agents that are told when to look into their inbox, which hold no long polls then. 0: none, and all of them wait in long polls.')
param webPubSubUnits int = 0

@description('An Azure NetApp Files account and a subnet for it. The pools that the app makes there cost at rest.')
param netAppFiles bool = false

@minValue(0)
@maxValue(100)
@description('Tebibytes for large payloads on NetApp Files, in a Premium pool of their own, which costs at rest. 0: they stay in Blob Storage.')
param netAppTebibytes int = 0

@minValue(0)
@maxValue(168)
@description('Hours from one snapshot of each volume on NetApp Files to the next. 0: only those are made that somebody asks for.')
param netAppSnapshotHours int = 0

@description('Id of an Azure NetApp Files account in another region, in this subscription, that copies of volumes are kept in. Empty: none are.')
param netAppReplicaAccountId string = ''

@description('Where that account is, such as northeurope.')
param netAppReplicaLocation string = ''

@description('Id of a subnet there that is delegated to Microsoft.NetApp/volumes.')
param netAppReplicaSubnetId string = ''

var resourceToken = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
// One account, by each of the names that it is asked under.
var openAiZones = [
  'privatelink.openai.azure.com'
  'privatelink.cognitiveservices.azure.com'
  'privatelink.services.ai.azure.com'
]
var hasNetwork = privateNetwork || netAppFiles
var hasNetAppPayloads = netAppFiles && netAppTebibytes > 0
var hasOpenAi = !empty(openAiModel)
var hasWebPubSub = webPubSubUnits > 0

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

// What works for the agents: receipts, views, messages, payloads, models, telemetry.
module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-${resourceToken}', location: location, tags: tags }
}

// What the platform does for the app: its package, its own storage, the secrets that settings refer to.
module platform 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-platform-${resourceToken}', location: location, tags: tags }
}

// What signs and unwraps with the keys of the vault.
module keys 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-keys-${resourceToken}', location: location, tags: tags }
}

// What makes volumes.
module volumes 'modules/identity.bicep' = if (netAppFiles) {
  scope: group
  params: { name: 'id-volumes-${resourceToken}', location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    dailyGigabytes: dailyLogGigabytes
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
    isZoneRedundant: zoneRedundant
    isLocked: locks
    anchorDays: anchorDays
    anchorPolicy: anchorPolicy
    workspaceId: monitoring.outputs.workspaceId
    platformPrincipalId: platform.outputs.principalId
    capturesSignals: captureSignals
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
    isZoneRedundant: zoneRedundant
    isLocked: locks
    workspaceId: monitoring.outputs.workspaceId
    maxThroughput: cosmosMaxThroughput
    eventsPartitions: eventsPartitions
    viewsMaxThroughput: viewsMaxThroughput
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
    workspaceId: monitoring.outputs.workspaceId
    eventHubsTier: eventHubsTier
    eventHubsUnits: eventHubsUnits
    signalPartitions: signalPartitions
    archiveName: storage.outputs.archiveName
    capturesSignals: captureSignals
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
    isPrivate: privateNetwork
    retentionDays: durableTaskDays
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
    isLocked: locks
    workspaceId: monitoring.outputs.workspaceId
    keysPrincipalId: keys.outputs.principalId
    secretsPrincipalId: platform.outputs.principalId
    operatorPrincipalId: principalId
    operatorPrincipalType: principalType
    identitySecret: identitySecret
    logKey: logKey
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
    modelVersion: openAiModelVersion
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    appClientId: identity.outputs.clientId
  }
}

module webPubSub 'modules/web-pubsub.bicep' = if (hasWebPubSub) {
  scope: group
  params: {
    name: 'wps-${resourceToken}'
    location: location
    tags: tags
    isPrivate: privateNetwork
    workspaceId: monitoring.outputs.workspaceId
    units: webPubSubUnits
    appPrincipalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (hasNetwork) {
  scope: group
  params: {
    name: 'vnet-${resourceToken}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module netApp 'modules/netapp.bicep' = if (netAppFiles) {
  scope: group
  params: {
    name: 'anf-${resourceToken}'
    location: location
    tags: tags
    subnetId: network!.outputs.netAppSubnetId
    volumesPrincipalId: volumes!.outputs.principalId
    volumesClientId: volumes!.outputs.clientId
    snapshotHours: netAppSnapshotHours
    replicaAccountId: netAppReplicaAccountId
    replicaLocation: netAppReplicaLocation
    replicaSubnetId: netAppReplicaSubnetId
  }
}

module netAppPayloads 'modules/netapp-payloads.bicep' = if (hasNetAppPayloads) {
  scope: group
  params: {
    name: 'payloads-${resourceToken}'
    location: location
    tags: tags
    vnetId: network!.outputs.id
    subnetId: network!.outputs.netAppSubnetId
    accountName: netApp!.outputs.name
    isLocked: locks
    tebibytes: netAppTebibytes
  }
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
    location: location
    tags: tags
    platformId: platform.outputs.id
    platformClientId: platform.outputs.clientId
    otherIds: concat([identity.outputs.id, keys.outputs.id], netAppFiles ? [volumes!.outputs.id] : [])
    clientId: identity.outputs.clientId
    keysClientId: keys.outputs.clientId
    isZoneRedundant: zoneRedundant
    signInAudience: signInAudience
    signInTenant: signInTenant
    tenantAccess: tenantAccess
    subnetId: hasNetwork ? network!.outputs.appSubnetId : ''
    allowedAddresses: allowedAddresses
    maximumInstances: maximumInstances
    alwaysReady: alwaysReady
    nodeVersion: nodeVersion
    insightsName: monitoring.outputs.insightsName
    hostStorageName: storage.outputs.hostName
    packageContainer: storage.outputs.packageContainer
    blobsUri: storage.outputs.blobsUri
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    eventHubsHost: messaging.outputs.eventHubsHost
    signalHub: messaging.outputs.signalHub
    signalBatch: signalBatch
    eventHub: messaging.outputs.eventHub
    serviceBusHost: messaging.outputs.serviceBusHost
    durableEndpoint: durable.outputs.endpoint
    vaultUri: vault.outputs.uri
    logKeyId: vault.outputs.logKeyId
    personalKeyId: vault.outputs.personalKeyId
    checkpointsUri: storage.outputs.checkpointsUri
    secretSettings: secretSettings
    optionalSettings: union(
      netAppFiles ? netApp!.outputs.settings : {},
      hasOpenAi ? openAi!.outputs.settings : {},
      hasWebPubSub ? webPubSub!.outputs.settings : {}
    )
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
        { name: 'api', id: app.outputs.id, part: 'sites', zones: ['privatelink.azurewebsites.net'] }
        { name: 'cosmos', id: cosmos.outputs.id, part: 'Sql', zones: ['privatelink.documents.azure.com'] }
        { name: 'event-hubs', id: messaging.outputs.eventHubsId, part: 'namespace', zones: ['privatelink.servicebus.windows.net'] }
        { name: 'service-bus', id: messaging.outputs.serviceBusId, part: 'namespace', zones: ['privatelink.servicebus.windows.net'] }
        { name: 'host-blobs', id: storage.outputs.hostId, part: 'blob', zones: ['privatelink.blob.${environment().suffixes.storage}'] }
        { name: 'host-tables', id: storage.outputs.hostId, part: 'table', zones: ['privatelink.table.${environment().suffixes.storage}'] }
        { name: 'payloads', id: storage.outputs.archiveId, part: 'blob', zones: ['privatelink.blob.${environment().suffixes.storage}'] }
        { name: 'checkpoints', id: storage.outputs.anchorsId, part: 'blob', zones: ['privatelink.blob.${environment().suffixes.storage}'] }
        { name: 'scheduler', id: durable.outputs.id, part: 'scheduler', zones: ['privatelink.durabletask.io'] }
        { name: 'vault', id: vault.outputs.id, part: 'vault', zones: ['privatelink.vaultcore.azure.net'] }
      ],
      hasOpenAi ? [{ name: 'openai', id: openAi!.outputs.id, part: 'account', zones: openAiZones }] : [],
      hasWebPubSub ? [{ name: 'web-pubsub', id: webPubSub!.outputs.id, part: 'webpubsub', zones: ['privatelink.webpubsub.azure.com'] }] : []
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
output AZURE_ANCHOR_ACCOUNT_NAME string = storage.outputs.anchorsName
output AZURE_COSMOS_ACCOUNT_NAME string = cosmos.outputs.name
output AZURE_OPENAI_ENDPOINT string = hasOpenAi ? openAi!.outputs.endpoint : ''
output AZURE_NETAPP_ACCOUNT_NAME string = netAppFiles ? netApp!.outputs.name : ''
output AZURE_NETAPP_BUCKET_HOST string = hasNetAppPayloads ? netAppPayloads!.outputs.host : ''
output SERVICE_API_NAME string = app.outputs.name
output SERVICE_API_URI string = app.outputs.uri
