import type { Push, PushConnection } from '../../app/engine/ports-push';
import { newTenant } from '../support/commits';
import { eventually } from '../support/eventually';
import { Listener } from '../support/listener';
import { type Factory, HOSTILE, type Opened } from './contract';

/** Holds for every Push. `reopen` is another process. */
export function pushContract(kind: string, factory: Factory<Push>): void {
  describe(`push contract: ${kind}`, () => {
    let opened: Opened<Push>;
    let push: Push;
    let topic: string;
    const listeners: Listener[] = [];

    beforeAll(async () => {
      opened = await factory();
      push = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      topic = `${newTenant()}/agent/ann`;
    });
    afterEach(() => {
      for (const listener of listeners.splice(0)) listener.close();
    });

    const listen = async (to: string): Promise<Listener> => {
      const listener = new Listener((await push.connect(to)) as PushConnection);
      listeners.push(listener);
      expect(await listener.settled()).toBe('connected');
      return listener;
    };
    const hears = (listener: Listener, times = 1) =>
      eventually(() => listener.told >= times, { what: `${times} to be heard` });

    test('everybody who is connected to the topic hears, and nobody else', async () => {
      const [ann, again, bob] = [await listen(topic), await listen(topic), await listen(`${topic}b`)];
      push.tell(topic);
      await Promise.all([hears(ann), hears(again)]);
      push.tell(`${topic}b`);
      await hears(bob);
      expect([ann.told, again.told, bob.told]).toEqual([1, 1, 1]);
    });

    test('who connects later has missed what came before, and hears the next', async () => {
      push.tell(topic);
      const early = await listen(topic);
      push.tell(topic);
      await hears(early);
      const late = await listen(topic);
      push.tell(topic);
      await hears(late);
      expect(late.told).toBe(1);
    });

    test('of what is told at once the last is heard, though not each', async () => {
      const ann = await listen(topic);
      const marker = `${topic}-marker`;
      const end = await listen(marker);
      for (let n = 0; n < 500; n += 1) push.tell(topic);
      push.tell(marker);
      await Promise.all([hears(ann), hears(end)]);
      expect(ann.told).toBeLessThan(500);
    });

    test('another process tells those who connected through this one', async () => {
      const ann = await listen(topic);
      push = await opened.reopen();
      push.tell(topic);
      await hears(ann);
    });

    test('who is connected can do nothing but hear', async () => {
      const [ann, bob] = [await listen(topic), await listen(`${topic}b`)];
      ann.send({ type: 'joinGroup', group: 'g', ackId: 1 });
      ann.send({ type: 'sendToGroup', group: 'g', dataType: 'json', data: {}, ackId: 2 });
      await eventually(() => ann.heard.filter(({ type }) => type === 'ack').length === 2, { what: 'both refusals' });
      expect(ann.heard.filter(({ type }) => type === 'ack')).toEqual([
        expect.objectContaining({ success: false }),
        expect.objectContaining({ success: false }),
      ]);
      push.tell(`${topic}b`);
      await hears(bob);
      expect([ann.told, bob.told]).toEqual([0, 1]);
    });

    test('whoever connects more often than one may is left a few connections, and others theirs', async () => {
      const connection = (await push.connect(topic)) as PushConnection;
      const own = [0, 1, 2, 3, 4].map(() => new Listener(connection));
      listeners.push(...own);
      for (const each of own) expect(await each.settled()).toBe('connected');
      const bob = await listen(`${topic}b`);
      await push.trim();
      const open = () => own.filter(({ isOpen }) => isOpen);
      await eventually(() => open().length < own.length, { what: 'some to be ended' });
      expect(open().length).toBeGreaterThan(0);
      await push.trim();
      push.tell(topic);
      push.tell(`${topic}b`);
      await hears(bob);
      await eventually(() => open().every(({ told }) => told === 1), { what: 'the others to hear' });
    });

    test.each(HOSTILE.map((text) => [text]))('a topic is only text: %j', async (text) => {
      const [one, other] = [await listen(`${topic}${text}`), await listen(`${topic}${text} `)];
      push.tell(`${topic}${text}`);
      await hears(one);
      expect([one.told, other.told]).toEqual([1, 0]);
    });
  });
}
