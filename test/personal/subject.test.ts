/** The rules of reading and erasing. */
import { erase, noteRead, subjectDecider, type SubjectEvent } from '../../domain/personal/subject';
import { given } from '../support/given';

const ADA = { id: 'human:ada' };
const OF = 'acme/task/invoice-4711';
const read = (n: number): SubjectEvent => ({
  type: 'PersonalDataRead',
  v: 1,
  data: { by: `human:reader-${n}`, of: OF, values: 1, purpose: 'a complaint' },
});
const erased: SubjectEvent = { type: 'SubjectErased', v: 1, data: { by: 'human:eve', reason: 'asked for' } };

test('a read says who, of what, and what for, or under which award', () => {
  given(subjectDecider, [])
    .when(noteRead('s', ADA, { of: OF, values: 2, purpose: 'a complaint' }))
    .then([
      {
        type: 'PersonalDataRead',
        v: 1,
        data: { by: 'human:ada', via: undefined, of: OF, values: 2, purpose: 'a complaint' },
      },
    ]);
  given(subjectDecider, [])
    .when(noteRead('s', { id: 'recon-7', via: 'service:crm' }, { of: OF, values: 2, award: 3 }))
    .then([
      { type: 'PersonalDataRead', v: 1, data: { by: 'recon-7', via: 'service:crm', of: OF, values: 2, award: 3 } },
    ]);
  given(subjectDecider, [])
    .when(noteRead('s', ADA, { of: OF, values: 2 }))
    .thenRejected('purpose-missing');
  given(subjectDecider, [])
    .when(noteRead('s', ADA, { of: OF, values: 2, purpose: ' ' }))
    .thenRejected('purpose-missing');
});

test('each read is one: a second one is noted too, and the last hundred are remembered', () => {
  given(
    subjectDecider,
    Array.from({ length: 150 }, (_, n) => read(n)),
  ).thenState(({ reads, last }) => {
    expect(reads).toBe(150);
    expect(last.map(({ by }) => by)).toEqual(Array.from({ length: 100 }, (_, n) => `human:reader-${n + 50}`));
  });
});

test('who was erased stays so, with the first reason, and is read no more', () => {
  given(subjectDecider, [read(1)])
    .when(erase(ADA, 'asked for'))
    .then([{ type: 'SubjectErased', v: 1, data: { by: 'human:ada', via: undefined, reason: 'asked for' } }]);
  given(subjectDecider, [erased]).when(erase(ADA, 'again')).thenNothing();
  given(subjectDecider, [erased])
    .when(noteRead('s', ADA, { of: OF, values: 1, purpose: 'a complaint' }))
    .thenRejected('subject-erased');
  given(subjectDecider, []).when(erase(ADA, ' ')).thenRejected('reason-invalid');
});
