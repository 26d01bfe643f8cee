/** Agents that hold tasks on a stage, give signs of life or fall silent. */
import { Rejection } from '../../domain/kernel/decider';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider, type TaskSpec } from '../../domain/market/task';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, type Process, profile, spec, Stage, taskOf } from '../support/stage';

export const PRESENCE = 60;
export const AGES = 100_000;

/** The stage of this test. */
export let stage: Stage;

/** Goes on with a stage of its own, on which nothing has happened yet. */
export function newStage(...options: ConstructorParameters<typeof Stage>): Stage {
  return (stage = new Stage(...options));
}

/** A process; pools are not balanced, since that follows the real clock. */
export async function begin(): Promise<Process> {
  const process = await stage.start();
  await process.colony.balance.stop();
  await stage.settled();
  return process;
}

beforeEach(async () => {
  newStage();
  await begin();
});

afterEach(async () => {
  expect(brokenRules(stage.log())).toEqual([]);
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

export async function enter(id: string, changes: Parameters<typeof profile>[0] = {}): Promise<void> {
  expect((await stage.colony.agents.register(as(id), id, profile(changes))).ok).toBe(true);
  await stage.settled();
}

export async function post(id: string, changes: Partial<TaskSpec> = {}): Promise<void> {
  expect((await stage.colony.tasks.post(as('poster'), id, spec(changes))).ok).toBe(true);
  await stage.settled();
}

export const stateOf = (task: string) => stage.fold(taskDecider, taskOf(task)).state;
export const agent = (id: string) => stage.fold(agentDecider, agentOf(id)).state;

export function claimOf(task: string): { agent: string; award: number } {
  const { holder } = stateOf(task);
  return { agent: holder?.agent as string, award: holder?.award as number };
}

export async function accept(task: string): Promise<{ agent: string; award: number }> {
  const claim = claimOf(task);
  expect((await stage.colony.tasks.accept(as(claim.agent), task, claim)).ok).toBe(true);
  await stage.settled();
  return claim;
}

/** The agent says that it lives, and works on what it names; gives what it is told of that. */
export async function beat(id: string, ...tasks: string[]): Promise<boolean[]> {
  const answer = await stage.colony.agents.heartbeat(
    as(id),
    id,
    tasks.map((task) => ({ task, award: claimOf(task).award ?? 1 })),
  );
  if (answer instanceof Rejection) throw new Error(answer.message);
  return answer.held.map(({ stands }) => stands);
}

/** Time passes, unnoticed by anybody until the next look. */
export const wait = (seconds: number) => void (stage.clock.time += seconds * 1_000);

/** The machine is off for a while; then a process starts. */
export async function offFor(seconds: number): Promise<void> {
  stage.first.kill();
  wait(seconds);
  await begin();
}
