/** Metrics as reports show them, beside what is aimed at. */
import { goalText, type Measurement, type Metric } from '../../domain/operation/metrics';
import { percent, usd } from '../words';
import { type Markup, markup } from './markup';
import { table } from './page';

/** A value in its unit: `98.2 %`, `0.21 USD`, `12 s`, `0.25`. */
export function valueText({ unit }: Metric, value: number | null): string {
  if (value === null) return 'nothing to measure';
  if (unit === 'share') return percent(value);
  if (unit === 'micro_usd') return usd(Math.round(value));
  return unit === 'seconds' ? `${Math.round(value * 10) / 10} s` : String(Math.round(value * 100) / 100);
}

/** What is aimed at, in words; empty where nothing is. */
export function aimText(metric: Metric): string {
  return goalText(metric.goal, (value) => valueText(metric, value));
}

export function metText({ meets }: Measurement): string {
  return meets === null ? '' : meets ? 'yes' : 'no';
}

/** The metrics as a section of a page; with `before`, also what they were in the period before. */
export function measurements(list: readonly Measurement[], before = false): Markup {
  const rows = list.map((of) => [
    `${of.metric.title}${of.metric.of === 'load' ? ', now' : ''}`,
    valueText(of.metric, of.value),
    ...(before ? [of.metric.of === 'load' ? '' : valueText(of.metric, of.before)] : []),
    aimText(of.metric),
    metText(of),
  ]);
  const heads = ['Metric', 'Value', ...(before ? ['The period before'] : []), 'Goal', 'Met'];
  return markup`<h2>Metrics</h2>${table(heads, rows)}`;
}
