import { brokerBusy } from '../../adapters/azure/busy';
import { StoreBusy } from '../../app/engine/ports';

const attempt = (code: string, message: string) => Object.assign(new Error(message), { code });

test('a role that is missing is said in words, once, however many attempts there were', () => {
  const denied = attempt('UnauthorizedAccess', "Unauthorized access. 'Send' claim(s) are required");
  const error = brokerBusy('Service Bus', new AggregateError([denied, denied, denied])) as Error;
  expect(error.message).toBe(
    "Service Bus: UnauthorizedAccess: Unauthorized access. 'Send' claim(s) are required (the identity of the app lacks a role on it: Data Sender and Data Receiver, or Data Owner; a role that was just given takes some minutes)",
  );
  expect((brokerBusy('Service Bus', denied) as Error).message).toBe(error.message);
});

test('what several attempts came to is said, and a single one stays as it is', () => {
  const error = brokerBusy(
    'Service Bus',
    new AggregateError([attempt('ServiceTimeout', 'no answer'), attempt('ECONNREFUSED', 'refused')]),
  ) as Error;
  expect(error.message).toBe('Service Bus: ServiceTimeout: no answer; ECONNREFUSED: refused');
  const single = attempt('MessageLockLost', 'gone');
  expect(brokerBusy('Service Bus', single)).toBe(single);
  expect(brokerBusy('Service Bus', attempt('ServiceBusy', 'x'))).toBeInstanceOf(StoreBusy);
});
