/**
 * What must hold of every log of budgets, read from the events alone, in the order of writing, by a count of its own:
 * nothing is reserved that a budget has not, nothing is settled twice, and every award under a budget had a
 * reservation.
 */
import type { BudgetEvent } from '../../domain/budgets/budget';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { TaskEvent } from '../../domain/market/task';

interface Open {
  readonly amount: number;
  readonly charges: readonly string[];
  readonly part_of?: string;
  readonly receipt: string;
}

/** Every rule that is broken, in words that name the commit; for budgets that hold for ever. */
export function brokenBudgets(log: readonly Commit[]): string[] {
  const broken: string[] = [];
  const limits = new Map<string, number>();
  const spent = new Map<string, number>();
  const open = new Map<string, Open>();
  const receipts = new Set<string>();
  const settled = new Set<string>();
  /** Of what is a part of something else, that holds it. */
  const reserved = (budget: string) =>
    [...open.values()].reduce((sum, { amount, charges }) => sum + (charges.includes(budget) ? amount : 0), 0);

  for (const { stream, index, events } of log) {
    const { tenant, category, id } = parseStream(stream);
    const reference = commitRef(stream, index);
    const rule = (holds: boolean, words: string) => {
      if (!holds) broken.push(`${reference} ${events.map(({ type }) => type).join('+')}: ${words}`);
    };
    for (const event of category === 'task' ? (events as readonly TaskEvent[]) : []) {
      if (event.type !== 'TaskAwarded' && event.type !== 'TaskHandedOff') continue;
      const key = `${tenant} ${id} ${event.data.award} ${event.data.agent}`;
      const { budget } = event.data;
      if (budget === undefined) continue;
      rule(receipts.has(budget), 'what it names was never reserved');
      rule(!settled.has(budget), 'what it names was settled before');
      rule(open.get(key)?.receipt === budget, 'what it names is reserved for something else');
    }
    for (const event of category === 'budget' ? (events as readonly BudgetEvent[]) : []) {
      const of = (name: string) => `${tenant} ${name}`;
      switch (event.type) {
        case 'BudgetSet':
          limits.set(of(`${event.data.kind} ${event.data.name}`), event.data.limit);
          break;
        case 'BudgetRemoved': {
          const key = of(`${event.data.kind} ${event.data.name}`);
          limits.delete(key);
          spent.delete(key);
          for (const [name, one] of open)
            open.set(name, { ...one, charges: one.charges.filter((other) => other !== key) });
          break;
        }
        case 'BudgetReserved': {
          const { task, award, agent, amount, charges, part_of } = event.data;
          const key = of(`${task} ${award} ${agent}`);
          if (open.has(key)) break;
          const names = charges.map(of);
          open.set(key, { amount, charges: names, part_of: part_of && of(part_of), receipt: reference });
          receipts.add(reference);
          for (const name of names) {
            const held = reserved(name) + (spent.get(name) ?? 0);
            rule(limits.has(name), `${name} has no budget`);
            rule(held <= (limits.get(name) ?? Infinity), `${name} holds ${held} of ${limits.get(name)}`);
          }
          break;
        }
        case 'ReservationRaised': {
          const { task, award, agent, more } = event.data;
          const key = of(`${task} ${award} ${agent}`);
          const one = open.get(key);
          rule(one !== undefined, 'nothing is reserved');
          if (one !== undefined) open.set(key, { ...one, amount: one.amount + more });
          break;
        }
        case 'BudgetSettled': {
          const { task, award, agent, reservation, cost } = event.data;
          const key = of(`${task} ${award} ${agent}`);
          const one = open.get(key);
          rule(one?.receipt === reservation, 'it is not what is reserved');
          rule(!settled.has(reservation), 'it was settled before');
          settled.add(reservation);
          if (one === undefined) break;
          open.delete(key);
          for (const name of one.charges) spent.set(name, (spent.get(name) ?? 0) + cost);
          for (const [child, part] of open)
            if (part.part_of === key)
              open.set(child, {
                ...part,
                charges: [...new Set([...part.charges, ...one.charges])],
                part_of: one.part_of,
              });
          break;
        }
        default:
          break;
      }
    }
  }
  return broken;
}
