// Two keys that never leave the vault: one signs checkpoints, one wraps the keys of people. And secrets: of others, that
// the app must show, such as the mail server's password; and two of ours, which the colony's keys are derived from and
// what checkpoints are signed with beside the vault's key.
import { roles } from '../roles.bicep'

param name string
param location string
param tags object
param isPrivate bool
param isLocked bool
param workspaceId string
param keysPrincipalId string
param secretsPrincipalId string
param operatorPrincipalId string
@allowed(['User', 'ServicePrincipal', 'Group'])
param operatorPrincipalType string
@secure()
param identitySecret string
@secure()
param logKey string
// Makes of something short and random something long.
@secure()
param fresh string = newGuid()
@secure()
param freshKey string = '${newGuid()}${newGuid()}'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // What it wraps is lost with its keys, so nobody may purge them, and the name is taken for as long.
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow', bypass: 'None' }
  }

  // It is not rotated by itself: whoever verifies has to hear of its next version first.
  resource log 'keys' = {
    name: 'formicary-log'
    tags: tags
    properties: { kty: 'EC', curveName: 'P-256', keyOps: ['sign', 'verify'] }
  }

  // A new version each year wraps; those before unwrap what they have wrapped, so none ever expires.
  resource personal 'keys' = {
    name: 'formicary-personal'
    tags: tags
    properties: {
      kty: 'RSA'
      keySize: 3072
      keyOps: ['wrapKey', 'unwrapKey']
      rotationPolicy: { lifetimeActions: [{ action: { type: 'rotate' }, trigger: { timeAfterCreate: 'P1Y' } }] }
    }
  }
}

// The owner's key and the one that signs tokens come from it: every instance has the same.
resource identity 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'formicary-identity-secret'
  properties: { value: length(identitySecret) < 32 ? '${identitySecret}${fresh}' : identitySecret }
}

// 32 bytes in base64. Hexadecimal digits are base64 too: 42 of them and the last two characters are such bytes.
resource logSecret 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: 'formicary-log-key'
  properties: { value: length(logKey) == 44 ? logKey : '${take(replace(freshKey, '-', ''), 42)}A=' }
}

// The app's settings refer to secrets: the platform reads them, and hands them to it.
resource platformReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, secretsPrincipalId, roles.keyVaultSecretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    principalId: secretsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app signs checkpoints, with this one key. Among those that are built in no narrower role signs: this one also
// disables versions of the key, and takes backups of it.
resource appSigns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault::log
  name: guid(vault::log.id, keysPrincipalId, roles.keyVaultCryptoUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultCryptoUser)
    principalId: keysPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app wraps and unwraps, with this one key, and can neither change nor copy it.
resource appWraps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault::personal
  name: guid(vault::personal.id, keysPrincipalId, roles.keyVaultCryptoServiceEncryptionUser)
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.keyVaultCryptoServiceEncryptionUser
    )
    principalId: keysPrincipalId
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

// Who has read which secret, signed with which key, unwrapped what, and when.
resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: { workspaceId: workspaceId, logs: [{ category: 'AuditEvent', enabled: true }] }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isLocked) {
  scope: vault
  name: 'keep'
  properties: { level: 'CanNotDelete', notes: 'Without its keys nothing opens that they have wrapped.' }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
output logKeyId string = vault::log.properties.keyUri
output personalKeyId string = vault::personal.properties.keyUri
