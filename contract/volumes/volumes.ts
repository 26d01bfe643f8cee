/** `/v1/volumes`: files that a service keeps, their checkpoints, copies elsewhere, and what they cost. */
import { z } from 'zod';
import {
  MAX_GIBIBYTES,
  MAX_SNAPSHOT_NAME,
  MAX_TIERING_DAYS,
  MAX_VOLUME_REASON,
  MIN_GIBIBYTES,
  MIN_TIERING_DAYS,
  SERVICE_LEVELS,
  SNAPSHOT_PATTERN,
  TIERING_DAYS,
} from '../../domain/volumes/volume';
import { At, CommandOf, Id, Text } from '../common';
import { contract } from '../route';
import { VOLUMES_REFUSALS } from './problems';

const tag = {
  name: 'Volumes',
  description:
    'Files on Azure NetApp Files, where a host is configured for it: snapshots as checkpoints, volumes that are made of them, a copy in another region, and cheaper service levels. A volume holds what all tenants have stored, so people of the tenant `platform` alone look after it. What is asked for is written down and begun; the service takes seconds to an hour, and the same asked again begins nothing twice and says how far it is.',
  refusals: VOLUMES_REFUSALS,
};

const PoolName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, 'must be 1 to 63 letters, digits, hyphens and underscores')
  .meta({ description: 'A capacity pool', example: 'payloads' });
const VolumeNamed = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be 1 to 64 letters, digits, hyphens and underscores')
  .meta({ description: 'A volume in it', example: 'payloads' });
const SnapshotName = z
  .string()
  .max(MAX_SNAPSHOT_NAME)
  .regex(SNAPSHOT_PATTERN, 'must be letters, digits, hyphens, underscores and single dots');
const ByName = z.object({ pool: PoolName, volume: VolumeNamed });
const reason = Text(MAX_VOLUME_REASON).meta({ description: 'It stands on the receipt' });

/** `app/engine/ports-volumes.ts` says the same to the adapters. */
const state = z.enum(['underway', 'ready', 'failed']).meta({ description: 'How far the service is with it' });

export const Volume = z
  .object({
    pool: z.string(),
    volume: z.string(),
    region: z.string(),
    state,
    level: z.enum(SERVICE_LEVELS),
    gibibytes: z.number().min(0),
    mount: z.string().optional().meta({ description: 'Where it is mounted from', example: '10.0.2.4:/payloads' }),
    tiered_after_days: z
      .int()
      .optional()
      .meta({ description: 'What nobody has asked for in so many days costs less; absent: nothing does' }),
    replication: z
      .object({
        healthy: z.boolean(),
        mirror_state: z.string(),
        relationship: z.string(),
        error: z.string().optional(),
      })
      .optional()
      .meta({ description: 'Of a copy of another volume: how it fares' }),
  })
  .meta({ id: 'Volume' });

export const Snapshot = z
  .object({ name: z.string(), id: z.string(), state, made_at: At.optional() })
  .meta({ id: 'VolumeSnapshot' });

const as = { tenant: 'platform', as: 'human:ada' };
const params = { pool: 'payloads', volume: 'payloads' };
const NOT_THERE = ['platform-only', 'volumes-off', 'volume-not-found'];
const BEGUN = 'It is begun, or how far it is';

export const volumes = contract({
  list: {
    name: 'listVolumes',
    method: 'GET',
    path: '/v1/volumes',
    tag,
    needs: 'read_only',
    refuses: ['platform-only'],
    summary: 'The volumes that there are, and how they fare',
    answer: z.object({ value: z.array(Volume) }),
    answers: 'All of them, as the service has them now; none where no service is configured',
    example: { ...as },
  },
  make: {
    name: 'makeVolume',
    method: 'PUT',
    path: '/v1/volumes/{pool}/{volume}',
    tag,
    needs: 'critical',
    refuses: ['platform-only', 'volumes-off', 'volume-refused'],
    summary: 'Make a volume, and its pool where there is none',
    description:
      'A pool is made with room for the volume, in whole tebibytes, and costs from then on whether it is used or not. What is there already is left as it is.',
    params: ByName,
    body: z.strictObject({
      level: z.enum(SERVICE_LEVELS),
      gibibytes: z.int().min(MIN_GIBIBYTES).max(MAX_GIBIBYTES),
      reason,
    }),
    answer: CommandOf({ volume: Volume }),
    answers: BEGUN,
    example: {
      ...as,
      params: { pool: 'memory-pool', volume: 'episodic-memory' },
      body: { level: 'Ultra', gibibytes: 100, reason: 'memories of agents' },
    },
  },
  snapshots: {
    name: 'listSnapshots',
    method: 'GET',
    path: '/v1/volumes/{pool}/{volume}/snapshots',
    tag,
    needs: 'read_only',
    refuses: NOT_THERE,
    summary: 'The snapshots of a volume',
    params: ByName,
    answer: z.object({ value: z.array(Snapshot) }),
    answers: 'All of them; the newest last',
    example: { ...as, params },
  },
  snapshot: {
    name: 'takeSnapshot',
    method: 'POST',
    path: '/v1/volumes/{pool}/{volume}/snapshots',
    tag,
    needs: 'critical',
    refuses: [...NOT_THERE, 'volume-refused'],
    summary: 'Take a snapshot as a checkpoint',
    description:
      'It costs nothing until something changes, and is of the whole volume. With `agent` it is called `agent-ID-TIME`, and the receipt names the agent.',
    params: ByName,
    body: z.strictObject({
      name: SnapshotName.optional().meta({
        description: 'A new one; without it, it is called after the agent and the time',
        example: 'before-the-upgrade',
      }),
      agent: Id.optional().meta({ description: 'Whose checkpoint it is' }),
      reason,
    }),
    answer: CommandOf({ snapshot: Snapshot }),
    answers: BEGUN,
    example: { ...as, params, body: { agent: 'recon-7', reason: 'before the quarter is closed' } },
  },
  restore: {
    name: 'restoreSnapshot',
    method: 'POST',
    path: '/v1/volumes/{pool}/{volume}/restore',
    tag,
    needs: 'critical',
    refuses: [...NOT_THERE, 'volume-exists', 'volume-refused'],
    summary: 'Make a volume of a snapshot',
    description: 'In the same pool, under another name: the volume of which it was taken stays as it is.',
    params: ByName,
    body: z.strictObject({ snapshot: SnapshotName, into: VolumeNamed, reason }),
    answer: CommandOf({ volume: Volume }),
    answers: BEGUN,
    example: {
      ...as,
      params,
      body: { snapshot: 'before-the-upgrade', into: 'payloads-restored', reason: 'a drill' },
    },
  },
  move: {
    name: 'moveVolume',
    method: 'POST',
    path: '/v1/volumes/{pool}/{volume}/move',
    tag,
    needs: 'critical',
    refuses: [...NOT_THERE, 'volume-exists', 'volume-refused'],
    summary: 'Move a volume to a pool of another level',
    description: 'With everything in it; who reads and writes it notices nothing. The receipt says what it saves.',
    params: ByName,
    body: z.strictObject({ to: PoolName, reason }),
    answer: CommandOf({ volume: Volume }),
    answers: BEGUN,
    example: {
      ...as,
      params: { pool: 'payloads', volume: 'archive' },
      body: { to: 'cold', reason: 'nobody reads it any more' },
    },
  },
  tier: {
    name: 'tierVolume',
    method: 'POST',
    path: '/v1/volumes/{pool}/{volume}/tiering',
    tag,
    needs: 'critical',
    refuses: [...NOT_THERE, 'volume-refused'],
    summary: 'Have what is not asked for cost less',
    description:
      'What nobody has asked for in so many days is kept where it costs what `Standard` does, piece by piece, and is read from there as before. A pool takes this up for good.',
    params: ByName,
    body: z.strictObject({
      after_days: z.int().min(MIN_TIERING_DAYS).max(MAX_TIERING_DAYS).default(TIERING_DAYS),
      reason,
    }),
    answer: CommandOf({ volume: Volume }),
    answers: BEGUN,
    example: { ...as, params, body: { after_days: 60, reason: 'as agreed' } },
  },
  replicate: {
    name: 'replicateVolume',
    method: 'POST',
    path: '/v1/volumes/{pool}/{volume}/replication',
    tag,
    needs: 'critical',
    refuses: [...NOT_THERE, 'volume-refused'],
    summary: 'Keep a copy in another region',
    description:
      'In a pool of the account that `FORMICARY_NETAPP_REPLICA__account` names, every ten minutes. Asked again once the copy stands, the volume lets it in, and it begins to follow.',
    params: ByName,
    body: z.strictObject({ pool: PoolName.meta({ description: 'A pool there' }), reason }),
    answer: CommandOf({ volume: Volume.meta({ description: 'The copy' }) }),
    answers: BEGUN,
    example: { ...as, params, body: { pool: 'copies', reason: 'as agreed' } },
  },
});
