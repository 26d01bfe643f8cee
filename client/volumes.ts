/** Volumes: `formicary.volumes`. */
import type { AnswerOf, BodyOf, Shown } from '../contract/route';
import type { Snapshot as SnapshotSchema, Volume as VolumeSchema, volumes } from '../contract/volumes/volumes';
import type { CommandOptions, ReadOptions, Session } from './session';

export type Volume = Shown<typeof VolumeSchema>;
export type VolumeSnapshot = Shown<typeof SnapshotSchema>;

type Answered = Promise<AnswerOf<typeof volumes.make>>;

/**
 * `/v1/volumes`: files that a service keeps; for people of the tenant `platform`. The service takes its time: the same
 * asked again begins nothing twice, and says how far it is.
 */
export class VolumesApi {
  constructor(private readonly session: Session) {}

  async list(options?: ReadOptions): Promise<readonly Volume[]> {
    return (await this.session.call<typeof volumes.list>('GET /v1/volumes', {}, options)).value;
  }

  /** The newest last. */
  async snapshots(pool: string, volume: string, options?: ReadOptions): Promise<readonly VolumeSnapshot[]> {
    const request = { params: { pool, volume } };
    const path = 'GET /v1/volumes/{pool}/{volume}/snapshots';
    return (await this.session.call<typeof volumes.snapshots>(path, request, options)).value;
  }

  /** A volume, and its pool where there is none: that costs from then on. */
  make(pool: string, volume: string, body: BodyOf<typeof volumes.make>, options?: CommandOptions): Answered {
    return this.session.call<typeof volumes.make>(
      'PUT /v1/volumes/{pool}/{volume}',
      { params: { pool, volume }, body },
      options,
    );
  }

  /** A checkpoint. */
  snapshot(
    pool: string,
    volume: string,
    body: BodyOf<typeof volumes.snapshot>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof volumes.snapshot>> {
    const path = 'POST /v1/volumes/{pool}/{volume}/snapshots';
    return this.session.call<typeof volumes.snapshot>(path, { params: { pool, volume }, body }, options);
  }

  /** Another volume with what a snapshot holds. */
  restore(pool: string, volume: string, body: BodyOf<typeof volumes.restore>, options?: CommandOptions): Answered {
    const path = 'POST /v1/volumes/{pool}/{volume}/restore';
    return this.session.call<typeof volumes.restore>(path, { params: { pool, volume }, body }, options);
  }

  /** To a pool of another level. */
  move(pool: string, volume: string, body: BodyOf<typeof volumes.move>, options?: CommandOptions): Answered {
    return this.session.call<typeof volumes.move>(
      'POST /v1/volumes/{pool}/{volume}/move',
      { params: { pool, volume }, body },
      options,
    );
  }

  /** Has what nobody has asked for in so many days cost less. */
  tier(pool: string, volume: string, body: BodyOf<typeof volumes.tier>, options?: CommandOptions): Answered {
    const path = 'POST /v1/volumes/{pool}/{volume}/tiering';
    return this.session.call<typeof volumes.tier>(path, { params: { pool, volume }, body }, options);
  }

  /** A copy in another region; answers the copy. Asked again once it stands, the volume lets it in. */
  replicate(pool: string, volume: string, body: BodyOf<typeof volumes.replicate>, options?: CommandOptions): Answered {
    const path = 'POST /v1/volumes/{pool}/{volume}/replication';
    return this.session.call<typeof volumes.replicate>(path, { params: { pool, volume }, body }, options);
  }
}
