/** What registrations name of the app's settings. */

/** `%NAME%` stands for the setting NAME. Throws when it is not set. */
export function resolveSettings(text: string): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined) throw new Error(`the setting ${name}, which a function names, is not set`);
    return value;
  });
}
