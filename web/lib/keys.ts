/** Shortcuts; those of single letters whoever speaks or types otherwise can turn off (WCAG 2.1.4). */
import { signal } from '@preact/signals';
import { remember, remembered } from './settings';

export const shortcuts = signal(remembered('shortcuts') !== 'off');

const handlers = new Map<string, () => void>();
/** After `g`, the letter of a pane. */
let chord = '';

/**
 * Calls `handle` when the key is pressed: `j` outside of a field, `ctrl+k` (⌘K) everywhere. Calling what is returned
 * ends that.
 */
export function onKey(key: string, handle: () => void): () => void {
  handlers.set(key, handle);
  return () => {
    if (handlers.get(key) === handle) handlers.delete(key);
  };
}

export function setShortcuts(on: boolean): void {
  shortcuts.value = on;
  remember('shortcuts', on ? undefined : 'off');
}

export function watchKeys(): void {
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if ((ctrlKey || metaKey) && !altKey && document.querySelector('dialog[open]') === null) {
      const called = handlers.get(`ctrl+${key}`);
      if (called !== undefined) event.preventDefault();
      return called?.();
    }
    const isField = target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
    if (isField || ctrlKey || metaKey || altKey || !shortcuts.peek()) return;
    const handle = handlers.get(chord + key);
    chord = key === 'g' && chord === '' ? 'g ' : '';
    if (handle === undefined) return;
    event.preventDefault();
    handle();
  });
  onKey('j', () => moveRow(1));
  onKey('k', () => moveRow(-1));
  onKey('/', () => document.querySelector<HTMLInputElement>('main input[type=search]')?.focus());
}

function moveRow(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
}
