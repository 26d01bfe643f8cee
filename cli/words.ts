/** How numbers, amounts and what others wrote stand in a sentence, in a terminal and in the window alike. */
import { grouped, visible } from '../domain/kernel/text';

/**
 * What others wrote: what would move the cursor, colour the screen, or hide and turn other text shows as its escape.
 */
export const said = visible;

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** `66.6 %`: rounded down, so that what falls short never reads as if it didn't. */
export function percent(share: number): string {
  return `${Math.floor(share * 1_000 + 1e-9) / 10} %`;
}

/** Micro-USD as dollars, with cents at least: `0.21 USD`, `0.000125 USD`. */
export function usd(micro: number): string {
  const [whole = '', fraction = ''] = (Math.abs(micro) / 1_000_000).toFixed(6).split('.');
  return `${micro < 0 ? '-' : ''}${grouped(Number(whole))}.${fraction.slice(0, 2)}${fraction.slice(2).replace(/0+$/, '')} USD`;
}
