/** Whether what is shown is live, as of when, and how far behind. */
import { live, rates } from '../lib/live';
import { clockTime, now, span } from '../lib/time';
import { Shape, type Tone } from '../parts/badge';
import { texts } from '../texts';

const { live: words } = texts;
const TONES = { connecting: 'info', live: 'good', broken: 'bad' } as const satisfies Record<string, Tone>;

export function LiveBar() {
  const { state, heardAt, newest, againInMs } = live.value;
  const shown = state === 'live' ? Math.max(heardAt ?? 0, Math.min(now.value, (heardAt ?? 0) + 16_000)) : heardAt;
  return (
    <div class="live" data-state={state} title={words.explain}>
      <span role="status" class="live-state">
        <Shape tone={TONES[state]} /> {words[state]}
      </span>
      {shown !== undefined && <span class="live-as-of">{words.heard(clockTime(shown))}</span>}
      {state === 'live' && newest !== undefined && (
        <span class="live-lag" title={words.newest(span(newest.lagMs / 1_000))}>
          {span(newest.lagMs / 1_000)} · {(rates.value.at(-1) ?? 0).toLocaleString('en')}/s
        </span>
      )}
      {state === 'broken' && againInMs !== undefined && (
        <span>{words.again(Math.max(1, Math.round(againInMs / 1_000)))}</span>
      )}
    </div>
  );
}
