import type { FfmpegPrograms } from '../ffmpeg/find.js'
import { cutToJpeg, cutToMp4 } from './export.js'
import type { Cut, Ring } from './ring.js'

export interface RecorderOptions {
  readonly programs: Pick<FfmpegPrograms, 'ffmpeg'>
  readonly ring: Ring
  /** Seconds before a stretch, and after it. */
  readonly before: number
  readonly after: number
}

/** Seconds beyond those wanted that are waited for them. */
const PATIENCE = 10
const LATE_KEYFRAME = 10

/** Videos and pictures of moments, out of a camera's ring. Times are Unix seconds. */
export class Recorder {
  readonly #options: RecorderOptions

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** The stretch with the seconds around it, once they are over or the signal aborts; undefined where none of it is held. */
  async cut(start: number, end: number, signal: AbortSignal): Promise<Cut | undefined> {
    const { ring, before, after } = this.#options
    const patience = AbortSignal.timeout((after + PATIENCE) * 1000)
    await ring.until(end + after, AbortSignal.any([signal, patience]))
    return ring.cut(start - before, end + after, start)
  }

  /** What `picture` makes a picture of, before the ring lets go of it. */
  hold(time: number): Cut | undefined {
    const { ring } = this.#options
    // Just after a connection began, the first keyframe may be a little late.
    return ring.cut(time, time) ?? ring.cut(time, time + LATE_KEYFRAME)
  }

  /** MP4. @throws StanflowError MEDIA_* */
  video(cut: Cut): Promise<Buffer> {
    return cutToMp4(this.#options.programs.ffmpeg, cut)
  }

  /** JPEG. @throws StanflowError MEDIA_* */
  picture(cut: Cut, time: number): Promise<Buffer> {
    return cutToJpeg(this.#options.programs.ffmpeg, cut, time)
  }
}
