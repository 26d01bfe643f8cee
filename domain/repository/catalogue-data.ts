/**
 * The built-in agent types: every type of the whitepaper's catalogue, of its configurations (K9) and the meta-agents.
 * Ids, what a type does and the given tiers are the sources'; names, sentences, tags and the ids of capabilities are
 * ours: one capability per thing that the type does, and the name after the dot.
 */
import type { AgentTypeEntry, CostTier, DefaultLifecycle } from './catalogue';

/** USD per active hour, for every type: compute 0.10 + model 0.10 + storage 0.01. */
const COST_PER_HOUR = 0.21;
const FIRST_VERSION = '1.0.0';

type Home = Pick<AgentTypeEntry, 'category' | 'department' | 'industry_vertical'>;
const department = (name: string): Home => ({ category: 'departmental', department: name });
const industry = (name: string): Home => ({ category: 'industry', industry_vertical: name });

/** Where a type belongs, by what stands before the dot. */
const HOMES: Readonly<Record<string, Home>> = {
  hr: department('hr'),
  crm: department('crm'),
  supply_chain: department('supply_chain'),
  logistics: department('supply_chain'),
  distribution: department('supply_chain'),
  finance: department('finance'),
  sales: department('sales'),
  marketing: department('marketing'),
  selfops: department('it'),
  it: department('it'),
  cybersecurity: department('it'),
  api: department('it'),
  finserv: industry('finserv'),
  retail: industry('retail'),
  manufacturing: industry('manufacturing'),
  healthcare: industry('healthcare'),
  lifesciences: industry('lifesciences'),
  meta: { category: 'meta' },
};

/** The state that goes with a tier: always on is never off; business hours are slept through with state kept. */
const LIFECYCLE_OF: Readonly<Record<CostTier, DefaultLifecycle>> = {
  always_on: 'active',
  business_hours: 'sleeping',
  on_demand: 'cold',
};

/** On demand, but with a rule for falling asleep again or with warm instances: woken with state, not created. */
const SLEEPERS: ReadonlySet<string> = new Set([
  'hr.performance_review',
  'supply_chain.urgent_reorder',
  'finance.reconciliation',
  'finance.fraud_detection',
  'finance.month_end_close',
  'retail.inventory',
]);

/** Capabilities (without the name after the dot) and tags are separated by spaces; no tier means on demand. */
type Row = readonly [
  agentType: string,
  name: string,
  description: string,
  capabilities: string,
  tags: string,
  tier?: CostTier,
];

const ROWS: readonly Row[] = [
  // Human resources
  [
    'hr.recruitment',
    'Recruiter',
    'Screens CVs, matches candidates to open posts and books the interviews.',
    'cv_screening candidate_matching interview_booking',
    'hiring talent candidates',
    'business_hours',
  ],
  [
    'hr.onboarding',
    'Onboarding guide',
    'Guides newcomers through their first weeks and prepares their papers.',
    'newcomer_guidance paperwork_preparation',
    'hiring employees documents',
  ],
  [
    'hr.performance',
    'Performance analyst',
    'Gathers performance reviews and analyses the feedback in them.',
    'review_gathering feedback_analysis',
    'employees reviews feedback',
  ],
  [
    'hr.performance_review',
    'Quarterly review runner',
    'Runs the quarterly performance review of all employees.',
    'quarterly_review_run',
    'employees reviews quarterly',
  ],
  [
    'hr.annual_review',
    'Annual review runner',
    'Runs the yearly performance review of all employees.',
    'yearly_review_run',
    'employees reviews yearly',
  ],
  [
    'hr.learning',
    'Learning adviser',
    'Finds gaps in skills and recommends the training that closes them.',
    'training_recommendation skill_gap_detection',
    'employees training skills',
  ],
  [
    'hr.compliance',
    'HR compliance checker',
    'Checks personnel decisions against HR policy and labour law.',
    'hr_policy_check labour_law_check',
    'policy law audit',
  ],

  // Customer relations
  [
    'crm.lead_scoring',
    'Lead scorer',
    'Qualifies leads and ranks them by their chance to become customers.',
    'lead_qualification lead_ranking',
    'leads prospects',
  ],
  [
    'crm.customer_support',
    'Support assistant',
    'Routes support tickets to the right desk and drafts answers to them.',
    'ticket_routing answer_drafting',
    'tickets helpdesk service',
    'business_hours',
  ],
  [
    'crm.sentiment_analysis',
    'Sentiment analyst',
    'Tracks the mood in what customers write and say.',
    'mood_tracking',
    'feedback customers nlp',
  ],
  [
    'crm.churn_prediction',
    'Churn predictor',
    'Finds the customers who are about to leave, in time to keep them.',
    'leaving_customer_detection',
    'retention customers',
  ],
  [
    'crm.upsell',
    'Upsell scout',
    'Finds chances for cross-selling and upselling among existing customers.',
    'cross_sell_detection',
    'revenue customers',
  ],

  // Supply chain, logistics, distribution
  [
    'supply_chain.demand_forecasting',
    'Demand forecaster',
    'Predicts demand for goods along the chain.',
    'demand_prediction',
    'planning prediction goods',
  ],
  [
    'supply_chain.procurement',
    'Procurement agent',
    'Picks suppliers and automates purchase orders.',
    'supplier_selection purchase_order_automation',
    'purchasing suppliers orders',
  ],
  [
    'supply_chain.inventory',
    'Inventory optimiser',
    'Optimises stock levels across sites and reorders in time.',
    'stock_optimization reordering',
    'stock replenishment',
  ],
  [
    'supply_chain.urgent_reorder',
    'Urgent reorder agent',
    'Reorders at once when stock becomes critically low.',
    'critical_stock_reordering',
    'stock emergency replenishment',
  ],
  [
    'logistics.route_optimization',
    'Route planner',
    'Plans delivery routes that save time and distance.',
    'delivery_route_planning',
    'transport delivery fleet',
  ],
  [
    'logistics.shipment_tracking',
    'Shipment tracker',
    'Follows shipments live and tells where each one is.',
    'shipment_following',
    'transport delivery freight',
  ],
  [
    'distribution.warehouse_optimization',
    'Warehouse optimiser',
    'Plans warehouse layout and inventory picking.',
    'layout_planning picking_planning',
    'stock storage fulfilment',
  ],

  // Finance
  [
    'finance.reconciliation',
    'Reconciler',
    'Matches bank records with the books and finds the variances.',
    'bank_record_matching variance_detection',
    'accounting bank ledger',
  ],
  [
    'finance.ap_automation',
    'Accounts payable clerk',
    "Processes suppliers' invoices from arrival to payment.",
    'supplier_invoice_processing',
    'accounting invoices payables',
  ],
  [
    'finance.ar_collections',
    'Receivables collector',
    'Improves the collection of what customers owe.',
    'receivables_collection',
    'accounting receivables dunning',
  ],
  [
    'finance.expense_audit',
    'Expense auditor',
    'Checks expense reports against policy and receipts.',
    'expense_report_check',
    'audit expenses policy',
  ],
  [
    'finance.budget_monitoring',
    'Budget watcher',
    'Tracks the variance between budget and spending, and raises alerts.',
    'variance_tracking budget_alerting',
    'controlling spending budget',
  ],
  [
    'finance.fraud_detection',
    'Company fraud detector',
    "Finds anomalous transactions in the company's own books.",
    'transaction_anomaly_detection',
    'fraud anomaly transactions',
  ],
  [
    'finance.month_end_close',
    'Month-end closer',
    'Closes the books at the end of each month.',
    'month_closing',
    'accounting ledger monthly',
  ],

  // Sales and marketing
  [
    'sales.lead_nurturing',
    'Lead nurturer',
    'Follows up leads with the right message at the right time.',
    'lead_follow_up',
    'leads prospects outreach',
    'business_hours',
  ],
  [
    'sales.quote_generation',
    'Quote writer',
    'Makes quotes from requirements, price lists and discounts.',
    'quote_drafting',
    'quotes offers pricing',
  ],
  [
    'sales.forecast',
    'Sales forecaster',
    'Forecasts what the sales pipeline will bring in.',
    'pipeline_forecasting',
    'pipeline revenue prediction',
  ],
  [
    'marketing.content_generation',
    'Copywriter',
    'Writes marketing copy in the voice of the brand.',
    'copywriting',
    'content writing brand',
  ],
  [
    'marketing.campaign_optimization',
    'Campaign optimiser',
    'Analyses A/B tests and improves running campaigns.',
    'ab_test_analysis',
    'campaigns advertising experiments',
  ],
  [
    'marketing.social_listening',
    'Social listener',
    'Tracks where and how the brand is mentioned.',
    'brand_mention_tracking',
    'social media brand',
  ],

  // IT, security, gateway
  [
    'selfops.infraops',
    'Infrastructure operator',
    'Watches infrastructure and reports what needs attention.',
    'infrastructure_monitoring',
    'operations servers cloud',
    'always_on',
  ],
  [
    'selfops.dataops',
    'Data operator',
    'Watches data pipelines and reports what breaks or lags.',
    'data_pipeline_monitoring',
    'operations data pipelines',
    'always_on',
  ],
  [
    'selfops.agentops',
    'Agent operator',
    "Watches the agents' own performance and reports decline.",
    'agent_performance_monitoring',
    'operations agents',
    'always_on',
  ],
  [
    'selfops.secops',
    'Security operator',
    'Triages security events by how urgent they are.',
    'security_event_triage',
    'operations security events',
  ],
  [
    'it.incident_management',
    'Incident manager',
    'Triages incident tickets and resolves those that it can.',
    'ticket_triage ticket_resolution',
    'incidents tickets service',
  ],
  [
    'it.change_management',
    'Change assessor',
    'Judges the impact of planned changes before they are made.',
    'change_impact_assessment',
    'changes releases risk',
  ],
  [
    'cybersecurity.defender',
    'Defender',
    'Answers security alerts and contains attacks.',
    'security_alert_response',
    'security threats attacks',
    'always_on',
  ],
  [
    'api.gateway_agents',
    'Gateway agent',
    "Receives users' requests and passes them on to the swarm.",
    'user_facing_gateway',
    'gateway users api',
    'always_on',
  ],

  // Financial services
  [
    'finserv.kyc',
    'Identity verifier',
    "Verifies customers' identity before business is done with them.",
    'identity_verification',
    'banking identity compliance',
  ],
  [
    'finserv.aml',
    'Money laundering watcher',
    'Watches payments for signs of money laundering.',
    'money_laundering_monitoring',
    'banking payments compliance',
  ],
  [
    'finserv.credit_risk',
    'Credit risk assessor',
    'Assesses the credit risk of borrowers.',
    'credit_risk_assessment',
    'banking loans risk',
  ],
  [
    'finserv.fraud_detection',
    'Payment fraud detector',
    "Detects fraud in customers' transactions.",
    'transaction_fraud_detection',
    'banking fraud transactions',
  ],
  [
    'finserv.regulatory_reporting',
    'Regulatory reporter',
    'Prepares the reports that regulators require.',
    'regulatory_report_preparation',
    'banking reports compliance',
  ],
  [
    'finserv.portfolio_rebalancing',
    'Portfolio rebalancer',
    'Optimises portfolios and keeps them on their targets.',
    'portfolio_optimization',
    'investment assets trading',
  ],

  // Retail
  [
    'retail.inventory',
    'Store inventory manager',
    'Manages the stock of shops: no shelf empty, none overfull.',
    'stock_management',
    'stock stores shelves',
  ],
  [
    'retail.price_optimization',
    'Price optimiser',
    'Proposes prices that follow demand, stock and competitors.',
    'dynamic_pricing',
    'pricing margin',
  ],
  [
    'retail.demand_forecasting',
    'Retail demand forecaster',
    'Predicts sales by product and shop.',
    'sales_prediction',
    'prediction stores products',
  ],
  [
    'retail.assortment_planning',
    'Assortment planner',
    'Plans which mix of products each shop should carry.',
    'product_mix_planning',
    'merchandising stores products',
  ],
  [
    'retail.customer_personalization',
    'Personal shopper',
    'Recommends products that suit one particular person.',
    'product_recommendation',
    'customers products ecommerce',
  ],
  [
    'retail.loss_prevention',
    'Loss preventer',
    'Detects theft and shrinkage.',
    'theft_detection shrinkage_detection',
    'theft shrinkage stores',
  ],

  // Manufacturing
  [
    'manufacturing.quality_control',
    'Quality inspector',
    'Finds defects in the data of sensors on the line.',
    'sensor_defect_detection',
    'quality defects sensors',
  ],
  [
    'manufacturing.predictive_maintenance',
    'Maintenance predictor',
    'Predicts when equipment is going to fail.',
    'equipment_failure_prediction',
    'machines failures sensors',
  ],
  [
    'manufacturing.production_scheduling',
    'Production scheduler',
    'Plans what is produced when and on which line.',
    'production_planning',
    'planning factory lines',
  ],
  [
    'manufacturing.supply_planning',
    'Material planner',
    'Times the buying of raw materials.',
    'raw_material_timing',
    'planning materials purchasing',
  ],
  [
    'manufacturing.energy_optimization',
    'Energy saver',
    'Lowers the use of energy in production.',
    'energy_use_reduction',
    'energy factory sustainability',
  ],
  [
    'manufacturing.safety_monitoring',
    'Safety watcher',
    'Predicts accidents at work, so that they can be prevented.',
    'accident_prediction',
    'safety workers accidents',
  ],
  [
    'manufacturing.capacity_planning',
    'Capacity planner',
    'Plans the capacity of plants and lines.',
    '',
    'planning factory capacity',
  ],

  // Healthcare and life sciences
  [
    'healthcare.patient_triage',
    'Triage assistant',
    'Scores how urgent a patient is by the symptoms.',
    'symptom_urgency_scoring',
    'patients symptoms emergency',
  ],
  [
    'healthcare.appointment_scheduling',
    'Appointment scheduler',
    'Books appointments that suit patients and clinics.',
    'appointment_booking',
    'patients clinics calendar',
  ],
  [
    'healthcare.claims_processing',
    'Claims processor',
    'Automates insurance claims from filing to settlement.',
    'insurance_claim_automation',
    'insurance billing claims',
  ],
  [
    'healthcare.clinical_documentation',
    'Clinical documenter',
    'Summarises medical records for the treating staff.',
    'record_summarization',
    'patients records summaries',
  ],
  [
    'lifesciences.drug_discovery',
    'Drug researcher',
    'Screens and analyses molecules that may become drugs.',
    'molecule_screening molecule_analysis',
    'pharma research molecules',
  ],
  [
    'lifesciences.clinical_trial_matching',
    'Trial matcher',
    'Matches patients with the clinical trials that fit them.',
    'patient_trial_matching',
    'pharma patients trials',
  ],

  // Meta-agents
  [
    'meta.integration_builder',
    'Integration builder',
    "Builds tools for other agents from an API's documentation.",
    'tool_building',
    'tools integrations api',
  ],
  [
    'meta.tool_discovery',
    'Tool discoverer',
    'Explores APIs and finds what tools could be built on them.',
    'api_exploration',
    'tools discovery api',
  ],
  [
    'meta.code_execution',
    'Code runner',
    'Runs code for other agents, safely, in a sandbox.',
    'safe_code_execution',
    'code sandbox javascript python sql',
  ],
];

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function toEntry([agentType, name, description, capabilities, tags, tier = 'on_demand']: Row): AgentTypeEntry {
  const [group = '', ownName = ''] = agentType.split('.');
  const home = HOMES[group];
  if (home === undefined) throw new Error(`no department or industry is known for ${agentType}`);
  return {
    agent_type: agentType,
    name,
    description,
    ...home,
    version: FIRST_VERSION,
    capabilities: [ownName, ...words(capabilities)],
    required_tools: [],
    cost_tier: tier,
    default_lifecycle: SLEEPERS.has(agentType) ? 'sleeping' : LIFECYCLE_OF[tier],
    estimated_cost_per_hour: COST_PER_HOUR,
    tags: words(tags),
  };
}

/** Every built-in agent type, in the order of the sources. */
export const CATALOGUE: readonly AgentTypeEntry[] = ROWS.map(toEntry);
