/** What a pane shows of what it asked for: that it is asked, what went wrong, since when it is so. */
import type { ComponentChildren } from 'preact';
import type { Failure } from '../lib/failure';
import type { Loaded } from '../lib/load';
import { dayTime } from '../lib/time';
import { texts } from '../texts';
import { Shape } from './badge';
import { Said } from './said';

export function Problem({ failure, again }: { readonly failure: Failure; readonly again?: () => void }) {
  return (
    <div class="problem" role="alert">
      <Shape tone="bad" />
      <div>
        <p class="problem-title">
          <Said text={failure.title} />
        </p>
        <p>
          <Said text={failure.detail} />
        </p>
        {again !== undefined && (
          <button type="button" onClick={again}>
            {texts.failures.again}
          </button>
        )}
      </div>
    </div>
  );
}

interface Props<T> {
  readonly of: Loaded<T>;
  readonly children: (data: T) => ComponentChildren;
}

/** What is known stays visible when it can't be asked again, with the time at which it was so. */
export function Shown<T>({ of: { data, failure, reload }, children }: Props<T>) {
  return (
    <>
      {failure !== undefined && <Problem failure={failure} again={reload} />}
      {failure !== undefined && data !== undefined && <p class="soft">{texts.failures.stale}</p>}
      {data !== undefined ? children(data) : failure === undefined && <p class="soft loading">{texts.loading}</p>}
    </>
  );
}

export function AsOf({ of: { asOf } }: { readonly of: Loaded<unknown> }) {
  return asOf === undefined ? null : <span class="as-of">{texts.asOf(dayTime(asOf))}</span>;
}
