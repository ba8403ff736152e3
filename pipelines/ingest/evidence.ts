import { dirname } from 'node:path/posix'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Budget } from '../../operators/index.js'
import type { Blobs } from '../../src/connect/blobs.js'
import type { Event } from '../../src/domain.js'
import { asStanflowError } from '../../src/errors.js'
import type { Recorder } from '../../src/media/ring/recorder.js'
import type { Cut } from '../../src/media/ring/ring.js'
import type { Logger } from '../../src/telemetry/log.js'
import { cameraId } from './camera-id.js'

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
  /** Pictures being made, one after the other. */
  showing: Promise<void>
}

/** An event waits no longer for its picture, which may be for a bucket that is away. */
const PICTURE_MS = 3000

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
    const about = { name: nameOf(event), cut, peakAt, shownAt: Number.NaN }
    const kept = { ...about, thumbnail: false, video: true, showing: Promise.resolve() }
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
    const own = this.#kept.get(event.episodeId)
    if (own !== undefined) {
      if (event.end !== null) this.#kept.delete(event.episodeId)
      own.showing = own.showing.then(() => this.#show(own))
      await Promise.race([own.showing, sleep(PICTURE_MS, undefined, { ref: false })])
    }
    const kept = own ?? (await this.#keptBefore(event))
    const { blobs } = this.#options
    return {
      ...event,
      ...(kept.thumbnail && { thumbnail: blobs.at(`${kept.name}.jpg`) }),
      ...(kept.video && { video: blobs.at(`${kept.name}.mp4`) }),
    }
  }

  /** Of an episode that another process began. */
  async #keptBefore(event: Event): Promise<Pick<Kept, 'name' | 'thumbnail' | 'video'>> {
    const name = nameOf(event)
    const there = new Set<string>()
    try {
      for await (const one of this.#options.blobs.list(dirname(name))) there.add(one)
    } catch (error) {
      this.#options.log.warn({ reason: asStanflowError(error).message }, 'what is kept cannot be listed')
    }
    return { name, thumbnail: there.has(`${name}.jpg`), video: there.has(`${name}.mp4`) }
  }

  /** Videos end with what there is by now; resolves once all are written. */
  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#recording, ...[...this.#kept.values()].map(({ showing }) => showing)])
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
    await budget.enter()
    try {
      return await work()
    } finally {
      budget.give()
    }
  }
}

function nameOf({ source, start, episodeId }: Event): string {
  const day = new Date(start * 1000).toISOString().slice(0, 10)
  return `${cameraId(source)}/dt=${day}/${episodeId}`
}
