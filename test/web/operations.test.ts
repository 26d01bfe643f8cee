/** Every operation that words can reach is reached in the window as the contract says, or told to be for a terminal. */
import fc from 'fast-check';
import { type Operation, type OperationId, OPERATIONS } from '../../domain/asks/operations';
import { stepOf } from '../../domain/asks/steps';
import { reachedBy, sentFor } from '../../web/lib/operations';
import { byName, faultsIn, valuesOf } from '../asks/steps';

const HASH = 'f326949faeda574677072297bb727871a957db837fa7c788cbcd633f8a40564c';
const operations = Object.entries(OPERATIONS) as [OperationId, Operation][];

test.each(operations)('%s', (name, operation) => {
  fc.assert(
    fc.property(valuesOf(operation), (values) => {
      const step = stepOf(name, values);
      if (typeof step === 'string') throw new Error(step);
      const reached = reachedBy(step);
      if (reached === undefined) return expect(step.risk).toBe(0);
      const route = byName.get(step.operation);
      expect(reached.route).toBe(`${route?.method} ${route?.path}`);
      // A decision has its hash by then.
      const body = name === 'approve' || name === 'reject' ? { ...step.request.body, hash: HASH } : step.request.body;
      expect([values, faultsIn(step.operation, sentFor({ ...step, request: { ...step.request, body } }))]).toEqual([
        values,
        [],
      ]);
    }),
  );
});
