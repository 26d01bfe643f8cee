/** What is asked of people, as it was summed up: its kind stands before it already, its first line is the matter. */

/** @param summary begins with the kind, where it is of an action */
export function summaryOf(kind: string, summary: string): { readonly matter: string; readonly rest: string } {
  const text = summary.startsWith(`${kind}: `) ? summary.slice(kind.length + 2) : summary;
  const [matter = '', ...rest] = text.split('\n');
  return { matter, rest: rest.join('\n') };
}
