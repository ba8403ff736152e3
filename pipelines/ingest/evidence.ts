import type { Budget } from '../../operators/index.js'
import type { Blobs } from '../../src/connect/blobs.js'
import type { Event } from '../../src/domain.js'
import { asStanflowError } from '../../src/errors.js'
import type { Recorder } from '../../src/media/ring/recorder.js'
import type { Cut } from '../../src/media/ring/ring.js'
import type { Logger } from '../../src/telemetry/log.js'

export interface EvidenceOptions {
  readonly recorder: Recorder
  readonly blobs: Blobs
  readonly log: Logger
  /** How many cameras' pictures and videos are made at once. */
  readonly budget: Budget
}

/** What is kept of one episode. */
interface Kept {
  readonly name: string
  /** The stream at the peak so far, and when that was. */
  cut: Cut
  peakAt: number
  /** The peak that the picture shows. */
  shownAt: number
  thumbnail: boolean
  video: boolean
}

/** Pictures and videos of one camera's episodes: a JPEG of the peak, an MP4 of the seconds around the beginning. */
export class Evidence {
  readonly #options: EvidenceOptions
  readonly #kept = new Map<string, Kept>()
  readonly #recording = new Set<Promise<void>>()
  readonly #stop = new AbortController()

  constructor(options: EvidenceOptions) {
    this.#options = options
  }

  /** The episode as far as it has come, `end` being that of its last clip: at once, as the ring goes on. */
  begin(event: Event, end: number): void {
    const { episodeId, source, start, peakAt = start } = event
    const cut = this.#options.recorder.hold(peakAt)
    if (cut === undefined) {
      this.#options.log.warn({ source, episodeId }, 'nothing of the stream is there to keep')
      return
    }
    const day = new Date(start * 1000).toISOString().slice(0, 10)
    const name = `${source.replace(/^camera:/, '')}/dt=${day}/${episodeId}`
    const kept = { name, cut, peakAt, shownAt: Number.NaN, thumbnail: false, video: true }
    this.#kept.set(episodeId, kept)
    const recording = this.#record(kept, start, end).finally(() => this.#recording.delete(recording))
    this.#recording.add(recording)
  }

  /** The episode has come to another height. */
  peak(episodeId: string, peakAt: number): void {
    const kept = this.#kept.get(episodeId)
    if (kept === undefined || kept.peakAt === peakAt) return
    kept.cut = this.#options.recorder.hold(peakAt) ?? kept.cut
    kept.peakAt = peakAt
  }

  /** The event with the places of its picture, which is there then, and of its video, which is there once it is over. */
  async complete(event: Event): Promise<Event> {
    const kept = this.#kept.get(event.episodeId)
    if (kept === undefined) return event
    if (event.end !== null) this.#kept.delete(event.episodeId)
    await this.#show(kept)
    const { blobs } = this.#options
    return {
      ...event,
      ...(kept.thumbnail && { thumbnail: blobs.at(`${kept.name}.jpg`) }),
      ...(kept.video && { video: blobs.at(`${kept.name}.mp4`) }),
    }
  }

  /** Videos end with what there is by now; resolves once all are written. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#recording)
  }

  async #show(kept: Kept): Promise<void> {
    const { cut, peakAt, name } = kept
    if (kept.shownAt === peakAt) return
    const { recorder, blobs } = this.#options
    await this.#attempt(`${name}.jpg`, async () => {
      await blobs.write(`${name}.jpg`, await recorder.picture(cut, peakAt))
      kept.shownAt = peakAt
      kept.thumbnail = true
    })
  }

  async #record(kept: Kept, start: number, end: number): Promise<void> {
    const { recorder, blobs } = this.#options
    kept.video = await this.#attempt(`${kept.name}.mp4`, async () => {
      const cut = await recorder.cut(start, end, this.#stop.signal)
      if (cut === undefined) throw new Error('the stream is gone')
      const mp4 = await this.#inTurn(() => recorder.video(cut))
      await blobs.write(`${kept.name}.mp4`, mp4)
    })
  }

  async #attempt(name: string, step: () => Promise<void>): Promise<boolean> {
    try {
      await step()
      return true
    } catch (thrown) {
      const { code, message } = asStanflowError(thrown)
      this.#options.log.error({ name: this.#options.blobs.at(name), code, reason: message }, 'not kept')
      return false
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { budget } = this.#options
    await budget.room()
    budget.take()
    try {
      return await work()
    } finally {
      budget.give()
    }
  }
}
