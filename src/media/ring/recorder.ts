import type { FfmpegPrograms } from '../ffmpeg/find.js'
import { cutToJpeg, cutToMp4 } from './export.js'
import type { Cut, Ring } from './ring.js'

export interface RecorderOptions {
  readonly programs: Pick<FfmpegPrograms, 'ffmpeg'>
  readonly ring: Ring
  /** Seconds before a moment, and after it. */
  readonly before: number
  readonly after: number
}

/** Seconds beyond those wanted that are waited for them. */
const PATIENCE = 10

export interface Recording {
  readonly mp4: Buffer
  /** Unix seconds of its first frame and its last. */
  readonly start: number
  readonly end: number
}

/** Videos and pictures of moments, out of a camera's ring. */
export class Recorder {
  readonly #options: RecorderOptions

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** The seconds around a stretch, once they are over; undefined where the ring holds none of them. */
  async video(start: number, end: number, signal: AbortSignal): Promise<Recording | undefined> {
    const { ring, before, after, programs } = this.#options
    const patience = AbortSignal.timeout((after + PATIENCE) * 1000)
    await ring.until(end + after, AbortSignal.any([signal, patience]))
    const cut = ring.cut(start - before, end + after, start)
    if (cut === undefined) return undefined
    return { mp4: await cutToMp4(programs.ffmpeg, cut), start: cut.start, end: cut.end }
  }

  /** What `picture` makes a picture of, before the ring lets go of it. */
  hold(unixSeconds: number): Cut | undefined {
    return this.#options.ring.cut(unixSeconds, unixSeconds)
  }

  /** JPEG. */
  picture(cut: Cut, unixSeconds: number): Promise<Buffer> {
    return cutToJpeg(this.#options.programs.ffmpeg, cut, unixSeconds)
  }
}
