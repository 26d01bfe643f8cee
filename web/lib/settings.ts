/** What this browser remembers of how the window looks: no secret, and nothing in cookies. */

const PREFIX = 'formicary.';

export function remembered(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Where the browser keeps nothing, it is so until the page is left. */
export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // A private window.
  }
}

const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export function theme(): Theme {
  return THEMES.find((name) => name === remembered('theme')) ?? 'auto';
}

export function setTheme(name: Theme): void {
  remember('theme', name === 'auto' ? undefined : name);
  document.documentElement.dataset['theme'] = name;
}
