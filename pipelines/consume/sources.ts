import {
  concatMap,
  connect,
  EMPTY,
  filter,
  from,
  merge,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
  tap,
} from 'rxjs'
import { type Budget, decode, type FramePool, type OpenVideo, sampleClips } from '../../operators/index.js'
import { withFrames } from '../../src/connect/kafka/claim-check.js'
import type { ClipRecord } from '../../src/connect/kafka/records.js'
import type { Clip, Video } from '../../src/domain.js'
import type { ModelInfo } from '../../src/engine/engine.js'
import { asStanflowError, type StanflowError } from '../../src/errors.js'
import type { MediaLimits } from '../../src/media/limits.js'
import type { VideoReader } from '../../src/media/reader.js'
import { limitsGiven, openVideo } from '../open-video.js'
import type { Places } from '../places.js'
import { until } from '../streams.js'
import type { Errand } from './errand.js'
import type { Failures } from './failures.js'
import { jpegClip } from './jpeg-clip.js'
import type { Request } from './orders.js'

export interface SourcesOptions {
  readonly places: Places
  readonly reader: VideoReader
  readonly info: ModelInfo
  readonly pool: FramePool
  /** Counts clips; whoever is done with one gives its place back. */
  readonly budget: Budget
  readonly failures: Failures
  /** Aborting drains. */
  readonly signal: AbortSignal
  /** What one video or clip may cost. */
  readonly limits?: MediaLimits
  /** The request that a video is of: what the operators carry is the video. */
  readonly requestOf: (video: Video) => Request
  /** All clips of it have been cut. */
  readonly onComplete: (request: Request) => void
}

/** Requests → their clips: cut out of videos, or made of the pictures that came with them. */
export class Sources {
  readonly #options: SourcesOptions

  constructor(options: SourcesOptions) {
    this.#options = options
  }

  clips(): OperatorFunction<Request, Clip> {
    return connect((requests) => merge(this.#ofVideos(requests), this.#ofPictures(requests)))
  }

  #ofVideos(requests: Observable<Request>): Observable<Clip> {
    const { failures, budget, pool, info, requestOf, onComplete } = this.#options
    const onFailure = (video: Video, error: StanflowError): void =>
      failures.failed(requestOf(video).errand, error)
    return requests.pipe(
      filter(({ clip }) => clip === undefined),
      concatMap(({ video }) => of(video)),
      decode({ open: (video) => this.#open(requestOf(video)), budget, onFailure }),
      sampleClips({
        ...{ modelDigest: info.digest, pool, budget, onFailure },
        sampling: (video) => requestOf(video).sampling,
        onComplete: (video) => onComplete(requestOf(video)),
      }),
      tap(({ video }) => requestOf(video).errand.work.cut()),
    )
  }

  #ofPictures(requests: Observable<Request>): Observable<Clip> {
    return requests.pipe(
      filter(({ clip }) => clip !== undefined),
      mergeMap((request) => from(this.#picture(request)).pipe(mergeMap((clip) => (clip ? of(clip) : EMPTY)))),
    )
  }

  async #open({ video, errand, sampling }: Request): Promise<OpenVideo> {
    const { places, reader, info, pool, failures, signal } = this.#options
    const { work, uri } = errand
    const opened = await openVideo(video, work.skip, {
      ...{ places, reader, pool, sampling, side: info.size },
      signal: AbortSignal.any([signal, work.signal]),
      again: failures.again(errand),
      ...limitsGiven(this.#options),
    })
    await errand.goOn()
    failures.readable(uri)
    return { plans: opened.plans, frames: inTurn(opened.frames, errand, () => failures.readable(uri)) }
  }

  /** A clip that came with its pictures; undefined where there is none to be had. */
  async #picture(request: Request): Promise<Clip | undefined> {
    const { budget, failures, info, pool, onComplete } = this.#options
    const { clip, video, errand } = request
    try {
      if (clip === undefined) return undefined
      const whole = await failures.persist(errand, () => this.#whole(clip))
      if (whole !== clip) failures.readable(errand.uri)
      const { frames, size: side, digest: modelDigest } = info
      const options = { frames, side, modelDigest, pool, ...limitsGiven(this.#options) }
      await budget.enter()
      if (errand.work.signal.aborted) {
        budget.give()
        return undefined
      }
      const made = await jpegClip(whole, video, options).catch((error: unknown) => {
        budget.give()
        throw error
      })
      errand.work.cut()
      onComplete(request)
      return made
    } catch (error) {
      failures.failed(errand, asStanflowError(error))
      return undefined
    }
  }

  #whole(clip: ClipRecord): Promise<ClipRecord> {
    return withFrames(clip, (uri, bytes) => this.#options.places.read(uri, bytes))
  }
}

/** Frames as they come, unless results of the record wait too long behind those of an earlier one. */
async function* inTurn<T>(frames: AsyncIterable<T>, errand: Errand, onFrame: () => void): AsyncGenerator<T> {
  for await (const frame of until(errand.work.signal, frames)) {
    onFrame()
    await errand.goOn()
    await errand.room()
    yield frame
  }
}
