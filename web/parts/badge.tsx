/** How something is: a shape and a word, and a colour besides. */
import { Said } from './said';

export type Tone = 'good' | 'info' | 'look' | 'bad' | 'quiet';

/** Told apart without colour. */
const SHAPES: Readonly<Record<Tone, string>> = {
  good: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z',
  info: 'M3 3h10v10H3Z',
  look: 'M8 1.5 15 14H1Z',
  bad: 'M5 1.5h6L15 5.5v5L11 14.5H5L1 10.5v-5Z',
  quiet: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z',
};

export function Shape({ tone }: { readonly tone: Tone }) {
  return (
    <svg class="shape" data-tone={tone} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[tone]} />
    </svg>
  );
}

export function Badge({ tone, text }: { readonly tone: Tone; readonly text: string }) {
  return (
    <span class="badge" data-tone={tone}>
      <Shape tone={tone} />
      <Said text={text} />
    </span>
  );
}

const TASKS: Readonly<Record<string, Tone>> = {
  held: 'look',
  open: 'info',
  awarded: 'info',
  running: 'good',
  expired: 'look',
  dead: 'bad',
};

export function taskTone(status: string): Tone {
  return TASKS[status] ?? 'quiet';
}

const ACTIONS: Readonly<Record<string, Tone>> = {
  cleared: 'good',
  executed: 'good',
  refused: 'bad',
  vetoed: 'bad',
};

/** Of an action at the gate: what is neither cleared nor stopped waits. */
export function actionTone(status: string): Tone {
  return ACTIONS[status] ?? 'look';
}

const IMPACTS: Readonly<Record<string, Tone>> = { low: 'quiet', medium: 'info', high: 'look', critical: 'bad' };

export function impactTone(impact: string): Tone {
  return IMPACTS[impact] ?? 'info';
}

export function agentTone(status: string): Tone {
  return status === 'active' ? 'good' : status === 'lost' ? 'look' : 'quiet';
}
