// Secrets of others that the app must show: the mail server's password, what signs webhooks; and one of ours, from which
// the colony's keys are derived.
import { roles } from '../roles.bicep'

param name string
param location string
param tags object
param isPrivate bool
param appPrincipalId string
param operatorPrincipalId string
@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorPrincipalType string
@secure()
param identitySecret string
// Makes of something short and random something long.
@secure()
param fresh string = newGuid()

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // No protection against purging: the secrets are kept by others too, and `azd down --purge` frees the name.
    softDeleteRetentionInDays: 7
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'None' }
  }
}

// The owner's key and the one that signs tokens come from it: every instance has the same.
resource identity 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'formicary-identity-secret'
  properties: { value: length(identitySecret) < 32 ? '${identitySecret}${fresh}' : identitySecret }
}

// The app's settings refer to secrets, which it reads.
resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, appPrincipalId, roles.keyVaultSecretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Whoever deploys puts the secrets in.
resource operatorWritesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  scope: vault
  name: guid(vault.id, operatorPrincipalId, roles.keyVaultSecretsOfficer)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
