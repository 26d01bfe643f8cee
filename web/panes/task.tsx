/** One task: what it is, why it does not move, what happened, what it led to. */
import { useState } from 'preact/hooks';
import type { Task as TaskSchema, tasks } from '../../contract/market/tasks';
import type { Shown as ShownOf } from '../../contract/route';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import { asOf, linkTo } from '../lib/route';
import { Badge, taskTone } from '../parts/badge';
import { SameCommand, word } from '../parts/command';
import { CommandForm } from '../parts/command-form';
import { Facts, Section } from '../parts/facts';
import { History } from '../parts/history';
import { Json } from '../parts/json';
import { AsOf, Shown } from '../parts/outcome';
import { Code, Said } from '../parts/said';
import { Away, When } from '../parts/when';
import { texts } from '../texts';
import { Candidates } from './candidates';
import { Effects } from './effects';
import { Recompute } from './recompute';

type Task = ShownOf<typeof TaskSchema>;

const { tasks: words } = texts;

export function TaskPage({ id }: { readonly id: string }) {
  const at = asOf.value;
  const loaded = useLoad(
    id,
    (signal) => call<typeof tasks.get>('GET /v1/tasks/{id}', { params: { id }, query: { asOf: at } }, { signal }),
    { changedBy: ['task'], asOf: at },
  );
  return (
    <>
      <p class="crumbs">
        <a href={linkTo('tasks')}>{words.title}</a>
      </p>
      <h1 tabIndex={-1}>
        <Code text={id} />
      </h1>
      <Shown of={loaded}>
        {(task) => (
          <>
            <Head task={task} />
            {at === undefined && <Actions task={task} onDone={loaded.reload} />}
            <Section title={words.timeline}>
              <History category="task" id={id} version={task.version} />
            </Section>
            {at === undefined && !isOver(task) && task.status !== 'running' && (
              <Candidates id={id} version={task.version} />
            )}
            {task.awards > 0 && <Recompute id={id} award={task.awards} />}
            {at === undefined && <Effects id={id} />}
            {task.payload !== undefined && (
              <Section title={words.payload}>
                <Json value={task.payload} label={words.payload} />
              </Section>
            )}
            {task.completion?.result !== undefined && (
              <Section title={words.result}>
                <Json value={task.completion.result} label={words.result} />
              </Section>
            )}
          </>
        )}
      </Shown>
      <p>
        <AsOf of={loaded} />
      </p>
      <SameCommand
        lines={[
          `npx formicary tasks ${word(id)}`,
          `npx formicary why ${word(id)}`,
          `npx formicary recompute ${word(id)}`,
        ]}
      />
    </>
  );
}

function isOver({ status }: Task): boolean {
  return ['completed', 'cancelled', 'expired', 'dead'].includes(status);
}

function Head({ task }: { readonly task: Task }) {
  const { status, why, holder, progress, completion, ended, deadline, effort, location, oversight, job } = task;
  return (
    <>
      <p class="lead">
        <Badge tone={taskTone(status)} text={status} /> <Said text={task.task_type} />
      </p>
      {why !== undefined && (
        <div class="note" data-tone="look">
          <strong>{words.why}</strong>
          <p>
            <Code text={why.code} /> <Said text={why.text} />
          </p>
          {why.until !== undefined && (
            <p class="soft">
              {words.until} <Away at={why.until} />
            </p>
          )}
        </div>
      )}
      {progress !== undefined && (
        <p>
          <label>
            {words.progress} <progress value={progress.fraction} max={1} />
          </label>{' '}
          {Math.round(progress.fraction * 100)} %{progress.note !== undefined && <Said text={` ${progress.note}`} />}
        </p>
      )}
      <Facts
        of={[
          [
            'holder',
            holder && (
              <a href={linkTo('agents', [holder.agent])}>
                <Code text={holder.agent} />
              </a>
            ),
          ],
          ['award', task.awards > 0 ? task.awards : undefined],
          ['attempt', `${task.attempts} of ${task.max_attempts}`],
          ['priority', task.priority],
          [
            'requires',
            <Said text={task.requires.map(({ capability, level }) => `${capability} ${level}`).join(', ')} />,
          ],
          ['requester', <Code text={task.requester} />],
          ['location', location && <Said text={location} />],
          ['effort', effort && `${effort} s`],
          ['job', job && <Code text={`${job.id} · ${job.key}`} />],
          ['posted', <When at={task.posted_at} />],
          ['deadline', deadline && <Away at={deadline} />],
          ['finished', task.finished_at && <When at={task.finished_at} />],
          [
            'completed by',
            completion && (
              <a href={linkTo('agents', [completion.agent])}>
                <Code text={completion.agent} />
              </a>
            ),
          ],
          ['ended', ended && <Said text={`${ended.by}: ${ended.reason}`} />],
          [
            'held for',
            oversight && status === 'held' && (
              <Said text={`${oversight.kind}, impact ${oversight.impact}: ${oversight.why}`} />
            ),
          ],
        ]}
      />
    </>
  );
}

function Actions({ task, onDone }: { readonly task: Task; readonly onDone: () => void }) {
  const [said, setSaid] = useState('');
  const { id, status } = task;
  const done = (text: string) => {
    setSaid(text);
    onDone();
  };
  return (
    <>
      {!isOver(task) && (
        <CommandForm
          title={words.cancel}
          tone="bad"
          onSend={async (reason) => {
            await call<typeof tasks.cancel>('POST /v1/tasks/{id}/cancel', { params: { id }, body: { reason } });
            done(words.cancelled);
          }}
        />
      )}
      {(status === 'dead' || status === 'expired') && (
        <CommandForm
          title={words.redrive}
          tone="info"
          needsReason={false}
          onSend={async () => {
            await call<typeof tasks.redrive>('POST /v1/tasks/{id}/redrive', { params: { id }, body: {} });
            done(words.redriven);
          }}
        />
      )}
      <p role="status" class="said-done">
        {said}
      </p>
    </>
  );
}
