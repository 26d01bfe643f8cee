/** The store that the property tests run on keeps the contract too, and so does one that is slow. */
import { FaultyEventStore, randomFaults } from '../support/faults';
import { MemoryEventStore } from '../support/memory-store';
import { eventStoreContract } from './event-store.contract';

eventStoreContract('memory', async () => {
  const store = new MemoryEventStore();
  return await Promise.resolve({
    store,
    reopen: async () => await Promise.resolve(store),
    close: async () => await Promise.resolve(),
  });
});

eventStoreContract('memory, slow', async () => {
  const store = new FaultyEventStore(
    new MemoryEventStore(),
    randomFaults(1, { append: { slow: 0.3 }, read: { slow: 0.3 }, head: { slow: 0.3 }, feed: { slow: 0.3 } }),
  );
  return await Promise.resolve({
    store,
    reopen: async () => await Promise.resolve(store),
    close: async () => await Promise.resolve(),
  });
});
