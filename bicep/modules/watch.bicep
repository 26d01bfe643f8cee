// What wakes somebody up, and the workbook where they look. docs/operation.md says what to do then.
param resourceToken string
param location string
param tags object
param workspaceId string
param cosmosId string
param serviceBusId string
param email string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${resourceToken}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'formicary'
    enabled: true
    emailReceivers: [{ name: 'on-call', emailAddress: email, useCommonAlertSchema: true }]
  }
}

// Metrics of Azure's own services: they come even when the app is down.
var watched = [
  {
    name: 'dead-letters'
    description: 'A deadline, or something that was parked, was given up on.'
    severity: 1
    target: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    aggregation: 'Maximum'
    threshold: 0
    dimension: 'EntityName'
    values: ['*']
  }
  {
    name: 'throttled'
    description: 'Cosmos DB refuses requests (429): raise its throughput, or look for the stream that is hot.'
    severity: 2
    target: cosmosId
    namespace: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'TotalRequests'
    aggregation: 'Count'
    threshold: 100
    dimension: 'StatusCode'
    values: ['429']
  }
]

// Metrics of the app, as docs/operation.md lists them, and its requests. `value` is compared with the threshold. The
// names are those of /metrics. The app sends them once a minute: the value of a gauge, and what a counter has grown by,
// is the Sum of its row.
var queries = [
  {
    name: 'feed-lag'
    description: 'Views or reactions have been more than a minute behind for a quarter of an hour.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_feed_delay_seconds" | summarize value = min(Sum) by consumer = tostring(Properties.consumer)'
    threshold: 60
  }
  {
    name: 'parked-commits'
    description: 'A consumer of the feed has given up on a commit.'
    severity: 1
    query: 'AppMetrics | where Name == "formicary_feed_parked_commits" | summarize value = max(Sum) by consumer = tostring(Properties.consumer)'
    threshold: 0
  }
  {
    name: 'dead-tasks'
    description: 'Tasks have used up their attempts.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_task_events_total" and tostring(Properties.event) == "TaskDeadLettered" | summarize value = sum(Sum)'
    threshold: 0
  }
  {
    name: 'failed-approvals'
    description: 'Nobody decided in time, and the safe default fell.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_decisions_total" and tostring(Properties.of) == "approval" and tostring(Properties.outcome) == "defaulted" | summarize value = sum(Sum)'
    threshold: 0
  }
  {
    name: 'failed-requests'
    description: 'The API has answered with a fault of its own more than ten times.'
    severity: 1
    query: 'AppRequests | where toint(ResultCode) >= 500 | summarize value = sum(ItemCount)'
    threshold: 10
  }
  {
    name: 'overload'
    description: 'New work of a tenant was refused in more than five minutes of a quarter of an hour.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_requests_refused_total" and tostring(Properties.work) == "new" | summarize refused = sum(Sum) by tenant = tostring(Properties.tenant), bin(TimeGenerated, 1m) | where refused > 0 | summarize value = count() by tenant'
    threshold: 5
  }
  {
    name: 'authentication'
    description: 'Attempts to authenticate have failed more than once a second for five minutes of a quarter of an hour.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_authentication_failures_total" | summarize failed = sum(Sum) by bin(TimeGenerated, 1m) | where failed > 60 | summarize value = count()'
    threshold: 5
  }
  {
    name: 'late'
    description: 'The app has been later than is tolerated for a quarter of an hour.'
    severity: 2
    query: 'AppMetrics | where Name == "formicary_late_seconds" | extend of = tostring(Properties.of) | extend times = Sum / case(of in ("loop", "requests"), 0.1, of == "appends", 0.25, 1.0) | summarize value = min(times) by of'
    threshold: 1
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for alert in watched: {
    name: '${alert.name}-${resourceToken}'
    location: 'global'
    tags: tags
    properties: {
      description: alert.description
      severity: alert.severity
      enabled: true
      autoMitigate: true
      scopes: [alert.target]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: alert.name
            criterionType: 'StaticThresholdCriterion'
            metricNamespace: alert.namespace
            metricName: alert.metric
            timeAggregation: alert.aggregation
            operator: 'GreaterThan'
            threshold: alert.threshold
            dimensions: [{ name: alert.dimension, operator: 'Include', values: alert.values }]
          }
        ]
      }
      actions: empty(email) ? [] : [{ actionGroupId: people.id }]
    }
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in queries: {
    name: '${alert.name}-${resourceToken}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: true
      autoMitigate: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT15M'
      // The tables appear with the first telemetry.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'value'
            timeAggregation: 'Maximum'
            operator: 'GreaterThan'
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'formicary')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Formicary'
    category: 'workbook'
    sourceId: workspaceId
    // Charts of Azure's own metrics name the resource that they are of.
    serializedData: replace(
      replace(loadTextContent('../workbook.json'), 'COSMOS_ID', cosmosId),
      'SERVICE_BUS_ID',
      serviceBusId
    )
  }
}
