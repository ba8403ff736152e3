import { catchError, EMPTY, mergeMap, Observable, type OperatorFunction } from 'rxjs'
import type { Clip, ClipPlan, Frame, Sampling, Video } from '../src/domain.js'
import { asStanflowError, StanflowError } from '../src/errors.js'
import type { Budget } from './budget.js'
import { clipId } from './clip-id.js'
import type { DecodingVideo } from './decode.js'
import type { FramePool } from './frame-pool.js'

export interface SampleClipsOptions {
  /** The same for all videos, or each one's own. */
  readonly sampling: Sampling | ((video: Video) => Sampling)
  readonly modelDigest: string
  readonly pool: FramePool
  /** A slot is taken for every clip; whoever is done with the clip gives it back. */
  readonly budget: Budget
  /** All the video's clips have been cut. */
  readonly onComplete: (video: Video) => void
  /** Decoding failed; clips cut so far stand. */
  readonly onFailure: (video: Video, error: StanflowError) => void
}

/** Videos being decoded → clips, as soon as each one's last frame is there. Clips of one video stay in order. */
export function sampleClips(options: SampleClipsOptions): OperatorFunction<DecodingVideo, Clip> {
  return mergeMap((decoding) =>
    cutClips(decoding, options).pipe(
      catchError((error: unknown) => {
        options.onFailure(decoding.video, asStanflowError(error))
        return EMPTY
      }),
    ),
  )
}

function cutClips({ video, plans, frames }: DecodingVideo, options: SampleClipsOptions): Observable<Clip> {
  const { modelDigest, pool, budget, onComplete } = options
  const sampling = typeof options.sampling === 'function' ? options.sampling(video) : options.sampling
  return new Observable((subscriber) => {
    const pending = plans[Symbol.iterator]()
    let plan: ClipPlan | undefined = pending.next().value
    /** Frames that the current plan or a later one needs, ascending. */
    let held: Frame[] = []

    const emit = (current: ClipPlan): void => {
      const byIndex = new Map(held.map((frame) => [frame.index, frame]))
      const clipFrames = current.frameIndices.map((index) => {
        const frame = byIndex.get(index)
        if (frame === undefined)
          throw new StanflowError('INTERNAL', `frame ${index} was not decoded in order`)
        pool.retain(frame.pixels)
        return frame
      })
      budget.take()
      const id = clipId(video, current, sampling, modelDigest)
      const { index, start, end } = current
      subscriber.next({ id, video, index, start, end, frames: clipFrames })
    }

    const letGo = (before: number): void => {
      for (const frame of held) if (frame.index < before) pool.release(frame.pixels)
      held = held.filter((frame) => frame.index >= before)
    }

    const subscription = frames.subscribe({
      next: (frame) => {
        held.push(frame)
        try {
          while (plan !== undefined && (plan.frameIndices.at(-1) as number) <= frame.index) {
            emit(plan)
            plan = pending.next().value
            letGo(plan?.frameIndices[0] ?? Number.POSITIVE_INFINITY)
          }
        } catch (error) {
          subscriber.error(error)
        }
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        // Frames that end early were cut off by a drain; the next run goes on from here.
        if (plan === undefined) onComplete(video)
        subscriber.complete()
      },
    })
    return () => {
      subscription.unsubscribe()
      letGo(Number.POSITIVE_INFINITY)
    }
  })
}
