import { StanflowError } from '../errors.js'
import type { DecodedFrame, FrameRequest, VideoInfo } from './reader.js'

/** A frame that a decoder really gave. */
export type Produced = Omit<DecodedFrame, 'repeated'>

/** Damage is judged over this many wanted frames, so that a long video's is found on the way. */
const JUDGED = 20
/** Part of the frames that may be missing or damaged. */
export const TOLERATED_DAMAGE = 0.1

/**
 * Every frame that was asked for, in order: where the decoder gave none, the last good one stands in (at the start, the
 * next), as on a player's screen. More than a tenth missing is damage.
 * @throws StanflowError MEDIA_DECODE
 */
export async function* withStandIns(
  { video, indices, allocate }: FrameRequest,
  produced: AsyncIterable<Produced>,
): AsyncGenerator<DecodedFrame, void, undefined> {
  const copyOf = (frame: Produced, index: number): DecodedFrame => {
    const pixels = allocate?.(frame.pixels.length) ?? new Uint8Array(frame.pixels.length)
    pixels.set(frame.pixels)
    return { ...frame, index, time: frameTime(video, index), pixels, repeated: true }
  }
  const damage = new Damage(video, indices.length)
  let at = 0
  /** A copy of the last good frame: the frame itself belongs to whoever it was given to. */
  let last: Produced | undefined
  for await (const frame of produced) {
    for (; (indices[at] ?? Number.POSITIVE_INFINITY) < frame.index; at++) {
      const index = indices[at] as number
      damage.count(index, true)
      yield copyOf(last ?? frame, index)
    }
    damage.count(frame.index, false)
    last = { ...frame, pixels: keep(last?.pixels, frame.pixels) }
    at++
    yield { ...frame, repeated: false }
  }
  for (; at < indices.length; at++) {
    const index = indices[at] as number
    damage.count(index, true)
    if (last === undefined) throw damage.error()
    yield copyOf(last, index)
  }
}

function keep(into: Uint8Array | undefined, pixels: Uint8Array): Uint8Array {
  const buffer = into ?? new Uint8Array(pixels.length)
  buffer.set(pixels)
  return buffer
}

/** Seconds from the first frame. */
export function frameTime({ timestamps, timeBase }: VideoInfo, index: number): number {
  return (((timestamps[index] as number) - (timestamps[0] as number)) * timeBase.num) / timeBase.den
}

class Damage {
  readonly #video: VideoInfo
  readonly #recent: boolean[] = []
  readonly #wanted: number
  #missing = 0
  #counted = 0
  #since: number | undefined

  constructor(video: VideoInfo, wanted: number) {
    this.#video = video
    this.#wanted = wanted
  }

  count(index: number, missing: boolean): void {
    this.#counted++
    this.#recent.push(missing)
    if (missing) {
      this.#missing++
      this.#since ??= frameTime(this.#video, index)
    }
    if (this.#recent.length > JUDGED && this.#recent.shift()) this.#missing--
    if (this.#missing === 0) this.#since = undefined
    // The last frame too is judged before it is given: it may complete a clip.
    if (this.#recent.length === JUDGED || this.#counted === this.#wanted) this.#judge()
  }

  error(): StanflowError {
    const { path } = this.#video
    const from = this.#since === undefined ? '' : ` from second ${this.#since.toFixed(1)}`
    return new StanflowError(
      'MEDIA_DECODE',
      `${path}: ${this.#missing} of ${Math.min(this.#wanted, this.#recent.length)} frames cannot be decoded${from}`,
    )
  }

  #judge(): void {
    if (this.#missing > this.#recent.length * TOLERATED_DAMAGE) throw this.error()
  }
}
