// The Functions app, on Flex Consumption.
param resourceToken string
param location string
param tags object
@description('Of what the platform does for the app.')
param platformId string
param platformClientId string
@description('What the app does itself, by duty.')
param otherIds string[]
param clientId string
param keysClientId string
param isZoneRedundant bool
param signInAudience string
param signInTenant string
@allowed(['open', 'closed'])
param tenantAccess string
param subnetId string
param allowedAddresses string
param maximumInstances int
param alwaysReady string
param nodeVersion string
param insightsName string
param hostStorageName string
param packageContainer string
param blobsUri string
param cosmosEndpoint string
param cosmosDatabase string
param eventHubsHost string
param signalHub string
param signalBatch int
param eventHub string
param serviceBusHost string
param durableEndpoint string
param vaultUri string
param logKeyId string
param personalKeyId string
param checkpointsUri string
param secretSettings string
@description('Of services that were chosen.')
param optionalSettings object

var addresses = filter(map(split(allowedAddresses, ','), address => trim(address)), address => !empty(address))
// Whose tokens are believed beside the colony's own.
var issuers = empty(signInAudience)
  ? []
  : [
      {
        type: 'entra'
        name: 'entra'
        audience: [signInAudience, 'api://${signInAudience}']
        tenants: { '${tenant().tenantId}': signInTenant }
      }
    ]
var readyGroups = filter(map(split(alwaysReady, ','), group => trim(group)), group => !empty(group))
var secretNames = filter(map(split(secretSettings, ','), name => trim(name)), name => !empty(name))

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${resourceToken}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: isZoneRedundant }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-${resourceToken}'
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: toObject(concat([platformId], otherIds), id => id, id => {})
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: platformId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}${packageContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: platformId }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        // Requests, orchestrations, and each other function have instances of their own.
        alwaysReady: map(readyGroups, group => {
          name: split(group, '=')[0]
          instanceCount: int(split(group, '=')[1])
        })
        // Most requests are long polls, which wait and cost nothing.
        triggers: { http: { perInstanceConcurrency: 1000 } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: 'Deny'
      ipSecurityRestrictions: [
        for (address, index) in addresses: {
          name: 'allowed-${index}'
          ipAddress: address
          action: 'Allow'
          priority: 100 + index
        }
      ]
      // Packages come in here, from whoever Entra ID lets deploy.
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
        AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: platformClientId
        // `/` is ours: it leads to the reference.
        AzureWebJobsDisableHomepage: 'true'
        APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
        AZURE_CLIENT_ID: clientId
        DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${durableEndpoint};Authentication=ManagedIdentity;ClientID=${clientId}'
        FORMICARY_PROFILE: 'azure'
        FORMICARY_PUBLIC_URL: 'https://${site.properties.defaultHostName}'
        FORMICARY_ISSUERS: string(issuers)
        FORMICARY_TENANT_ACCESS: tenantAccess
        FORMICARY_LOG_KEY: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/formicary-log-key)'
        FORMICARY_VAULT__logKey: logKeyId
        FORMICARY_VAULT__personalKey: personalKeyId
        FORMICARY_VAULT__clientId: keysClientId
        FORMICARY_ANCHOR_BLOBS: checkpointsUri
        FORMICARY_IDENTITY_SECRET: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/formicary-identity-secret)'
        FORMICARY_COSMOS__accountEndpoint: cosmosEndpoint
        FORMICARY_COSMOS__credential: 'managedidentity'
        FORMICARY_COSMOS__clientId: clientId
        FORMICARY_COSMOS_DATABASE: cosmosDatabase
        FORMICARY_EVENTHUBS__fullyQualifiedNamespace: eventHubsHost
        FORMICARY_EVENTHUBS__credential: 'managedidentity'
        FORMICARY_EVENTHUBS__clientId: clientId
        FORMICARY_SIGNAL_HUB: signalHub
        AzureFunctionsJobHost__extensions__eventHubs__maxEventBatchSize: string(signalBatch)
        FORMICARY_EVENT_HUB: eventHub
        FORMICARY_SERVICEBUS__fullyQualifiedNamespace: serviceBusHost
        FORMICARY_SERVICEBUS__credential: 'managedidentity'
        FORMICARY_SERVICEBUS__clientId: clientId
        FORMICARY_BLOBS__serviceUri: blobsUri
        FORMICARY_BLOBS__credential: 'managedidentity'
        FORMICARY_BLOBS__clientId: clientId
      },
      optionalSettings,
      toObject(
        secretNames,
        name => name,
        name => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${toLower(replace(name, '_', '-'))})'
      )
    )
  }

  // The app verifies tokens itself: its own, and those of Entra ID. What the platform would let through it knows nothing
  // of, and it would refuse the colony's own tokens; so it stays off, however the portal was left.
  resource signIn 'config' = {
    name: 'authsettingsV2'
    properties: { platform: { enabled: false } }
    dependsOn: [settings]
  }

  // Nobody deploys with a password.
  resource passwords 'basicPublishingCredentialsPolicies' = [
    for door in ['ftp', 'scm']: {
      name: door
      properties: { allow: false }
    }
  ]
}

output id string = site.id
output name string = site.name
output uri string = 'https://${site.properties.defaultHostName}'
