/** Rounds: opened, voted on, counted, overridden. */
import { eventually } from '../../support/eventually';
import { items, type Sent, settled } from '../support';
import { ADA, ballot, BOB, host, key, ok, open, QUESTION, type Row, slug, tenant, vote, voter } from './world';

describe('a round', () => {
  test('is opened, voted on, closed by the vote that decides, counted again, overridden', async () => {
    const api = tenant('round');
    const { electorate } = QUESTION;
    const opened = await api('/v1/rounds', { as: 'asker', json: QUESTION, headers: key('r') });
    const id = opened.body.round.id as string;
    expect(opened).toMatchObject({ status: 201, headers: { location: `/v1/rounds/${id}`, etag: '"0"' } });
    expect(opened.body.round).toMatchObject({
      status: 'open',
      pass: 1,
      choices: ['approve', 'reject'],
      electorate: { min_agreement: 0.75, quorum: 0.6 },
      opened_by: 'asker',
      ballots: [],
    });
    expect((await ok(api('/v1/rounds', { as: 'asker', json: QUESTION, headers: key('r') }))).receipt).toEqual({
      ...opened.body.receipt,
      repeated: true,
    });
    expect(
      slug(
        await api('/v1/rounds', { json: { ...QUESTION, electorate: { ...electorate, algorithm: 'weighted_voting' } } }),
      ),
    ).toBe('422 round-invalid');

    const cast = (more: Sent = {}) =>
      api(`/v1/rounds/${id}/votes`, {
        as: 'v1',
        json: { ...ballot(opened.body.round, 'approve'), voter: 'v1' },
        ...more,
      });
    const first = await cast({ headers: { ...key('v'), 'if-match': '"0"' } });
    expect(first.body).toMatchObject({
      receipt: { events: ['VoteCast'], version: 1 },
      round: { id, status: 'open', pass: 1 },
    });
    expect(Object.keys(first.body.round as Row)).toEqual(['id', 'status', 'pass']);
    expect((await cast({ headers: { ...key('v'), 'if-match': '"0"' } })).body.receipt).toEqual({
      ...first.body.receipt,
      repeated: true,
    });
    expect((await ok(cast())).receipt.events).toEqual([]);
    expect(slug(await cast({ headers: { 'if-match': '"0"' } }))).toBe('412 version-mismatch');
    expect(slug(await cast({ json: ballot(opened.body.round, 'reject') }))).toBe('409 already-voted');
    expect(slug(await api(`/v1/rounds/${id}/tally`))).toBe('422 round-not-closed');
    expect((await vote(api, id, 'v2', 'approve')).round).toMatchObject({
      status: 'closed',
      outcome: { outcome: 'agreed', choice: 'approve', early: true },
    });
    expect(slug(await api(`/v1/rounds/${id}/votes`, { as: 'v3', json: ballot(opened.body.round, 'reject') }))).toBe(
      '409 round-closed',
    );

    expect(await ok(api(`/v1/rounds/${id}/tally`))).toMatchObject({
      agrees: true,
      faults: [],
      recomputed: { leader: 'approve', score: 1 },
      matrix: {
        voters: ['v1', 'v2'],
        agreement: [
          [1, 1],
          [1, 1],
        ],
      },
    });
    expect(
      (await ok(api(`/v1/rounds/${id}/override`, { as: ADA, json: { choice: 'reject', reason: 'the law says no' } })))
        .round.override,
    ).toMatchObject({ by: ADA, choice: 'reject' });
    expect(
      slug(await api(`/v1/rounds/${id}/override`, { as: BOB, json: { choice: 'reject', reason: 'me too' } })),
    ).toBe('409 nothing-to-override');
    expect((await ok(api(`/v1/rounds/${id}?asOf=${opened.body.receipt.at}`))).id).toBe(id);
    expect(slug(await api('/v1/rounds/none'))).toBe('404 not-found');
    expect(slug(await api('/v1/rounds/none/tally'))).toBe('404 round-not-found');
  });

  test('goes on for another pass, may let votes be changed, and asks people when agents do not agree', async () => {
    const api = tenant('passes');
    await open(api, 'r', {
      improvement_rounds: 1,
      electorate: {
        ...QUESTION.electorate,
        algorithm: 'weighted_voting',
        voters: ['v1', 'v2'].map((id) => ({ ...voter(id), weight: 1 })),
      },
    });
    await vote(api, 'r', 'v1', 'approve');
    expect((await vote(api, 'r', 'v2', 'reject')).round).toEqual({ id: 'r', status: 'open', pass: 2 });
    const second = await ok(api('/v1/rounds/r'));
    expect(second).toMatchObject({ pass: 2, ballots: [], tally: { agreed: false } });
    await vote(api, 'r', 'v1', 'approve');
    expect((await vote(api, 'r', 'v2', 'reject')).round.outcome).toMatchObject({ outcome: 'no_agreement' });
    await open(api, 'changing', { allow_change: true });
    await vote(api, 'changing', 'v1', 'approve');
    expect((await vote(api, 'changing', 'v1', 'reject')).receipt.events).toEqual(['VoteChanged']);
    expect(
      (await ok(api('/v1/rounds/changing/cancel', { as: ADA, json: { reason: 'asked in vain' } }))).round,
    ).toMatchObject({ status: 'cancelled', cancellation: { by: ADA } });

    await settled(host);
    expect(items(await api('/v1/rounds?status=closed&kind=release&voter=v1&escalated=true'))).toMatchObject([
      { id: 'r', outcome: 'no_agreement', escalated: true },
    ]);
    expect(items(await api('/v1/rounds?escalated=false'))).toMatchObject([{ id: 'changing', status: 'cancelled' }]);
    const page = await ok(api('/v1/rounds?voter=v2&limit=1'));
    expect([page.value.length, items(await api(page.nextLink)).length]).toEqual([1, 1]);
    // Kind of the approvals that decide what agents could not.
    const [asked] = items<Row>(await api('/v1/approvals?status=waiting&kind=round.outcome'));
    expect(asked).toMatchObject({ choices: ['approve', 'reject'], leader: null });
    const approve = (choice?: string) =>
      api(`/v1/approvals/${String(asked?.['id'])}/approve`, {
        as: ADA,
        json: { hash: asked?.['hash'], reason: 'so be it', choice },
      });
    expect(slug(await approve())).toBe('422 choice-needed');
    await ok(approve('reject'));
    await eventually(async () => (await ok(api('/v1/rounds/r'))).override?.by === ADA);
  });

  test('asks agents by what they can do', async () => {
    const api = tenant('search');
    for (const id of ['e1', 'e2', 'e3'])
      await ok(
        api('/v1/agents', { as: id, json: { agent_type: 'expert', capabilities: { law: id === 'e2' ? 0.5 : 1 } } }),
      );
    await settled(host);
    const round = await open(api, 'r', { electorate: { voters: { capability: 'law', limit: 2, except: ['e1'] } } });
    expect(round.electorate).toMatchObject({ algorithm: 'expertise_based', voters: [{ id: 'e3' }, { id: 'e2' }] });
    expect(
      slug(await api('/v1/rounds', { json: { ...QUESTION, electorate: { voters: { capability: 'medicine' } } } })),
    ).toBe('422 no-voters');
  });
});
