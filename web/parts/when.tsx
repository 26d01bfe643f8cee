/** A time, and how far away it is, which goes on. */
import { dayTime, now, span, wholeTime } from '../lib/time';

export function When({ at }: { readonly at: string }) {
  return (
    <time class="when" dateTime={at} title={wholeTime(at)}>
      {dayTime(at)}
    </time>
  );
}

/** `3 min ago`, `in 2 h`. */
export function Away({ at }: { readonly at: string }) {
  const seconds = (Date.parse(at) - now.value) / 1_000;
  return (
    <time class="when" dateTime={at} title={wholeTime(at)}>
      {seconds > 0 ? `in ${span(Math.max(1, seconds))}` : `${span(Math.max(1, -seconds))} ago`}
    </time>
  );
}
