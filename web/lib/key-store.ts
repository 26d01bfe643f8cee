/** The key that this browser keeps, when its person wants that: usable by this origin, and given out to nobody. */

export interface Kept {
  readonly key: CryptoKey;
  readonly tenant?: string;
  readonly subject?: string;
}

const STORE = 'keys';
const NAME = 'owner';

/** Undefined when there is none, and where the browser keeps nothing (a private window). */
export async function kept(): Promise<Kept | undefined> {
  try {
    return await inStore('readonly', (store) => store.get(NAME) as IDBRequest<Kept | undefined>);
  } catch {
    return undefined;
  }
}

export async function keep(what: Kept): Promise<void> {
  await inStore('readwrite', (store) => store.put(what, NAME));
}

export async function clearKept(): Promise<void> {
  await inStore('readwrite', (store) => store.clear());
}

async function inStore<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open('formicary', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done(opening);
  try {
    return await done(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'));
  });
}
