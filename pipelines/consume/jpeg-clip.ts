import sharp from 'sharp'
import { clipId, type FramePool } from '../../operators/index.js'
import type { ClipRecord } from '../../src/connect/kafka/records.js'
import type { Clip, Frame, Video } from '../../src/domain.js'
import { StanflowError } from '../../src/errors.js'
import { LIMITS, type MediaLimits } from '../../src/media/limits.js'

/** How a JPEG begins: an SVG, say, could draw for hours. */
const JPEG = Buffer.from([0xff, 0xd8, 0xff])
/** Seconds for one picture. */
const PICTURE_SECONDS = 10

/** The moment a clip record holds, in place of a video: its id is the content's identity. */
export function momentOf({ clip_id, source }: ClipRecord): Video {
  return { source, path: '', bytes: 0, modifiedMs: 0, fingerprint: clip_id }
}

export interface PictureOptions {
  readonly frames: number
  readonly side: number
  readonly modelDigest: string
  readonly pool: FramePool
  readonly limits?: MediaLimits
}

/**
 * A clip with its pictures as the model sees them: short side to `side`, then the centre. Where there are more or fewer
 * pictures than the model takes, evenly spread ones are taken, some twice.
 * @throws StanflowError KAFKA_SCHEMA
 */
export async function jpegClip(
  record: ClipRecord,
  video: Video,
  { frames, side, modelDigest, pool, limits = LIMITS }: PictureOptions,
): Promise<Clip> {
  const { frames: pictures, frame_times: times, clip_index: index, start, end } = record
  if (pictures.length === 0 || pictures.length !== times.length) {
    throw new StanflowError(
      'KAFKA_SCHEMA',
      `The clip has ${pictures.length} pictures and ${times.length} times.`,
    )
  }
  const taken = Array.from({ length: frames }, (_, i) => Math.floor(((i + 0.5) * pictures.length) / frames))
  const decoded = new Map<number, Frame>()
  try {
    // Settled, all of them, before a buffer may go back to the pool.
    const settled = await Promise.allSettled(
      [...new Set(taken)].map(async (at) => {
        const pixels = pool.allocate(side * side * 3)
        decoded.set(at, { index: at, time: times[at] as number, pixels })
        pixels.set(await square(pictures[at] as Buffer, side, limits))
      }),
    )
    const failed = settled.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } catch (cause) {
    for (const { pixels } of decoded.values()) pool.release(pixels)
    throw new StanflowError('KAFKA_SCHEMA', `A picture of the clip is no JPEG: ${String(cause)}.`, { cause })
  }
  const held = new Set<number>()
  const clipFrames = taken.map((at) => {
    const frame = decoded.get(at) as Frame
    // One holder for each place it has in the clip.
    if (held.has(at)) pool.retain(frame.pixels)
    held.add(at)
    return frame
  })
  const id = clipId(video, { start, end }, { kind: 'uniform', frames }, modelDigest)
  return { id, video, index, start, end, frames: clipFrames }
}

async function square(picture: Buffer, side: number, { pixels }: MediaLimits): Promise<Buffer> {
  if (!picture.subarray(0, JPEG.length).equals(JPEG)) throw new TypeError('it begins otherwise')
  return sharp(picture, { limitInputPixels: pixels, failOn: 'error' })
    .timeout({ seconds: PICTURE_SECONDS })
    .resize(side, side, { fit: 'cover', position: 'centre', kernel: 'cubic' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer()
}
