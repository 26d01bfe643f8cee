import type { Deadline, Deadlines } from '../../app/engine/ports';
import { plusSeconds } from '../../domain/kernel/time';
import { HOSTILE, type Timed, type TimedFactory } from './contract';

/** Holds for every Deadlines. The factory is asked for an empty store per test. */
export function deadlinesContract(name: string, factory: TimedFactory<Deadlines>): void {
  describe(`deadlines contract: ${name}`, () => {
    let opened: Timed<Deadlines>;
    let store: Deadlines;

    beforeEach(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterEach(() => opened.close());

    const after = (seconds: number) => plusSeconds(opened.now(), seconds);
    const deadline = (id: string, due: string, reason = 'expires'): Deadline => ({
      stream: `acme/task/${id}`,
      reason,
      due,
    });
    const due = (limit = 100) => store.due(opened.now(), limit);

    test('is handed out when it is due, not before', async () => {
      const it = deadline('1', after(10));
      await store.schedule([it]);
      expect(await due()).toEqual([]);
      await opened.pass(9);
      expect(await due()).toEqual([]);
      await opened.pass(1);
      expect(await due()).toEqual([it]);
    });

    test('is handed out again until it is settled, and is gone after that', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      expect(await due()).toEqual([it]);
      expect(await due()).toEqual([it]);
      await store.settle([it], []);
      expect(await due()).toEqual([]);
      await store.settle([it], []);
      expect(await due()).toEqual([]);
    });

    test('comes late rather than never', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(90 * 86_400);
      expect(await due()).toEqual([it]);
    });

    test('one that was due before it was scheduled is due', async () => {
      const it = deadline('1', after(-3600));
      await store.schedule([it]);
      expect(await due()).toEqual([it]);
    });

    test('of two the earlier stands, whichever came first', async () => {
      const [first, second] = [deadline('1', after(10)), deadline('2', after(10))];
      await store.schedule([first, deadline('2', after(100))]);
      await store.schedule([deadline('1', after(100)), second]);
      await store.schedule([deadline('1', after(50)), deadline('2', after(50))]);
      await opened.pass(9);
      expect(await due()).toEqual([]);
      await opened.pass(1);
      expect((await due()).map(({ stream }) => stream).sort()).toEqual([first.stream, second.stream]);
      expect((await due()).map((it) => it.due)).toEqual([first.due, first.due]);
    });

    test('twice in one call: the earlier stands', async () => {
      const [sooner, later] = [deadline('1', after(5)), deadline('1', after(20))];
      await store.schedule([later, sooner, later]);
      await opened.pass(5);
      expect(await due()).toEqual([sooner]);
    });

    test('settling takes away what was looked at and schedules what is next, in one step', async () => {
      const [first, other, next] = [deadline('1', after(1)), deadline('2', after(1)), deadline('1', after(30))];
      await store.schedule([first, other]);
      await opened.pass(1);
      await store.settle([first], [next, deadline('3', after(0))]);
      expect((await due()).map(({ stream }) => stream).sort()).toEqual(['acme/task/2', 'acme/task/3']);
      await store.settle(await due(), []);
      await opened.pass(28);
      expect(await due()).toEqual([]);
      await opened.pass(2);
      expect(await due()).toEqual([next]);
    });

    test('settling leaves an earlier one that came in the meantime', async () => {
      const handedOut = deadline('1', after(10));
      await store.schedule([handedOut]);
      await opened.pass(20);
      expect(await due()).toEqual([handedOut]);
      const earlier = { ...handedOut, due: plusSeconds(handedOut.due, -5) };
      await store.schedule([earlier]);
      await store.settle([handedOut], []);
      expect(await due()).toEqual([earlier]);
    });

    test('settling loses none that was scheduled while the earlier one was looked at', async () => {
      // Who looked may not have seen what the later one is for.
      const [looked, soon, late] = [deadline('1', after(1)), deadline('1', after(10)), deadline('1', after(60))];
      await store.schedule([looked]);
      await opened.pass(1);
      const handedOut = await due();
      await store.schedule([late]);
      await store.schedule([soon]);
      await store.settle(handedOut, [deadline('1', after(300))]);
      expect(await due()).toEqual([]);
      await opened.pass(9);
      expect(await due()).toEqual([soon]);
    });

    test('nor one that was scheduled for the same time', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      const handedOut = await due();
      await store.schedule([it]);
      const next = deadline('1', after(30));
      await store.settle(handedOut, [next]);
      expect(await due()).toEqual([it]);
      await store.settle([it], [next]);
      expect(await due()).toEqual([]);
      // And that once more doesn't go on for ever.
      await opened.pass(30);
      expect(await due()).toEqual([next]);
      await store.settle([next], []);
      expect(await due()).toEqual([]);
    });

    test('settling once more takes away nothing that came after', async () => {
      const [first, next] = [deadline('1', after(1)), deadline('1', after(30))];
      await store.schedule([first]);
      await opened.pass(1);
      await store.settle([first], [next]);
      await store.settle([first], []);
      await opened.pass(29);
      expect(await due()).toEqual([next]);
    });

    test('scheduled again after it was settled, it comes again', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      await store.settle(await due(), []);
      await store.schedule([it]);
      expect(await due()).toEqual([it]);
    });

    test('settling one reason leaves the others of its stream', async () => {
      const [it, other, alike] = [
        deadline('1', after(1)),
        deadline('1', after(1), 'reminds'),
        deadline('10', after(1)),
      ];
      await store.schedule([it, other, alike]);
      await opened.pass(1);
      await store.settle([it, deadline('none', after(1))], []);
      expect((await due()).map(({ stream, reason }) => `${stream} ${reason}`).sort()).toEqual([
        'acme/task/1 reminds',
        'acme/task/10 expires',
      ]);
    });

    test('the earliest come first, as many as are asked for', async () => {
      const all = Array.from({ length: 20 }, (_, i) => deadline(String(i), after(1 + ((i * 7) % 20))));
      await store.schedule(all);
      await opened.pass(100);
      const ordered = [...all].sort((a, b) => (a.due < b.due ? -1 : 1));
      expect(await due(5)).toEqual(ordered.slice(0, 5));
      await store.settle(ordered.slice(0, 5), []);
      expect(await due()).toEqual(ordered.slice(5));
    });

    test('tenants and streams with like names are kept apart', async () => {
      const all = ['a/task/1', 'a-b/task/1', 'a/task/1~', 'a/task-1/1', 'a/task/%', 'a/task/A', 'a/task/a'].map(
        (stream) => ({ stream, reason: 'expires', due: after(1) }),
      );
      await store.schedule(all);
      await opened.pass(1);
      await store.settle(
        all.filter(({ stream }) => stream === 'a/task/%' || stream === 'a/task/a'),
        [],
      );
      expect((await due()).map(({ stream }) => stream).sort()).toEqual([
        'a-b/task/1',
        'a/task-1/1',
        'a/task/1',
        'a/task/1~',
        'a/task/A',
      ]);
    });

    test('hostile reasons are only text', async () => {
      const all = HOSTILE.map((reason) => deadline('1', after(1), reason));
      await store.schedule(all);
      await opened.pass(1);
      expect((await due()).map(({ reason }) => reason).sort()).toEqual([...HOSTILE].sort());
      await store.settle(all.slice(1), []);
      expect(await due()).toEqual(all.slice(0, 1));
    });

    test('nothing scheduled or settled is nothing', async () => {
      await store.schedule([]);
      await store.settle([], []);
      expect(await due()).toEqual([]);
    });

    test('survive a restart, also those that fell due meanwhile', async () => {
      const [soon, later] = [deadline('1', after(1)), deadline('2', after(100))];
      await store.schedule([soon, later]);
      await opened.pass(10);
      store = await opened.reopen();
      expect(await due()).toEqual([soon]);
      await store.settle([soon], []);
      store = await opened.reopen();
      await opened.pass(90);
      expect(await due()).toEqual([later]);
    });
  });
}
