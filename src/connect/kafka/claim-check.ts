import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { StanflowError } from '../../errors.js'
import type { Blobs } from '../blobs.js'
import { isS3 } from '../s3/uri.js'
import type { Admin } from './client.js'
import type { Claim, ClipRecord } from './records.js'
import type { Wire } from './wire.js'

export interface ClaimCheckOptions {
  readonly wire: Wire
  /** Bytes of a record's value at most; see `valueLimit`. */
  readonly limit: number
  /** Where pictures go that are too large; absent: then a clip that is too large is an error. */
  readonly place?: Blobs
}

/** A topic's limit is on what is sent at once: key, headers and framing take some of it. */
const ENVELOPE = 64 * 1024
/** Kafka's own default. */
const DEFAULT_LIMIT = 1_048_588
/** Bytes of a clip's pictures at most: a record must not make a consumer fetch without end. */
const MOST = 256 * 1024 * 1024
const HOUR_MS = 3_600_000

/** Bytes of a value that a topic surely takes. @throws StanflowError KAFKA_* */
export async function valueLimit(admin: Admin, topic: string): Promise<number> {
  const limit = Number((await admin.topicConfig(topic))['max.message.bytes']) || DEFAULT_LIMIT
  return Math.max(limit / 2, limit - ENVELOPE)
}

/**
 * Values of the `clips` topic. Where one would be larger than the topic takes, its pictures go to a place of their own,
 * named by hour and content, and the record says where: `DT/HOUR/SHA-256.mjpeg`. The pictures are stored before the
 * record is sent, so a record never names what is not there; two tries of one clip in an hour store it once.
 *
 * @example
 * const check = new ClaimCheck({ wire, limit: await valueLimit(admin, topic), place: places.results('s3://b/clips') })
 * await producer.send([{ topic, key: clip.source, value: await check.encode(clip), headers }])
 */
export class ClaimCheck {
  readonly #options: ClaimCheckOptions

  constructor(options: ClaimCheckOptions) {
    this.#options = options
  }

  /** @throws StanflowError KAFKA_TOO_LARGE where it does not fit and there is no place; S3_*, OUTPUT_* */
  async encode(clip: ClipRecord): Promise<Buffer> {
    const { wire, limit, place } = this.#options
    const value = await wire.encode('clip', clip)
    if (value.length <= limit) return value
    if (place === undefined) {
      const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
      throw new StanflowError(
        'KAFKA_TOO_LARGE',
        `A clip of ${clip.source} takes ${megabytes(value.length)}, and the topic ${megabytes(limit)}.`,
        {
          hint: "Give pictures a place with --clips-to, raise the topic's max.message.bytes, or send fewer or smaller frames.",
        },
      )
    }
    return wire.encode('clip', { ...clip, frames: [], claim: await put(place, clip.frames) })
  }
}

async function put(place: Blobs, frames: readonly Buffer[]): Promise<Claim> {
  const bytes = Buffer.concat(frames)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const [day, hour] = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS).toISOString().split(/[T:]/)
  const name = `dt=${day}/hour=${hour}/${sha256}.mjpeg`
  await place.create(name, bytes)
  const at = place.at(name)
  return { uri: isS3(at) ? at : resolve(at), sizes: frames.map(({ length }) => length), sha256 }
}

/**
 * A clip with its pictures, wherever they lie.
 * @param read so many first bytes of what lies at a URI, or all of it where there are fewer
 * @throws StanflowError INPUT_CHANGED, KAFKA_SCHEMA, and what `read` throws
 */
export async function withFrames(
  clip: ClipRecord,
  read: (uri: string, bytes: number) => Promise<Uint8Array>,
): Promise<ClipRecord> {
  const { claim, clip_id } = clip
  if (claim === null || claim === undefined) return clip
  const { uri, sizes, sha256 } = claim
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (sizes.some((size) => size <= 0) || total === 0 || total > MOST) {
    throw new StanflowError('KAFKA_SCHEMA', `The pictures of clip ${clip_id} cannot take ${total} bytes.`)
  }
  const found = await read(uri, total)
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.byteLength)
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw new StanflowError(
      'INPUT_CHANGED',
      `What lies at ${uri} is not what was stored for clip ${clip_id}.`,
    )
  }
  let at = 0
  const frames = sizes.map((size) => {
    at += size
    return bytes.subarray(at - size, at)
  })
  return { ...clip, frames, claim: null }
}
