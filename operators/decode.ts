import { EMPTY, from, mergeMap, type Observable, type OperatorFunction, of } from 'rxjs'
import type { ClipPlan, Frame, Video } from '../src/domain.js'
import { asStanflowError, type StanflowError } from '../src/errors.js'
import type { Budget } from './budget.js'
import { pull } from './pull.js'

/** A video opened by a reader: what to cut out of it, and the frames that takes. */
export interface OpenVideo {
  /** The clips to make, in order of their last frame. */
  readonly plans: Iterable<ClipPlan>
  /** Every frame the plans name, ascending, each once, decoded as it is pulled. */
  readonly frames: AsyncIterable<Frame>
}

/** A video being decoded. */
export interface DecodingVideo {
  readonly video: Video
  readonly plans: Iterable<ClipPlan>
  readonly frames: Observable<Frame>
}

export interface DecodeOptions {
  /** Opens a video: probes it and plans its clips. */
  readonly open: (video: Video) => Promise<OpenVideo>
  /** Frames are pulled while this has room; it counts clips. */
  readonly budget: Budget
  /** The video can't be opened; the others go on. */
  readonly onFailure: (video: Video, error: StanflowError) => void
}

/** Videos → videos being decoded. Nothing is decoded before `frames` is subscribed, and no faster than it is taken. */
export function decode({ open, budget, onFailure }: DecodeOptions): OperatorFunction<Video, DecodingVideo> {
  return mergeMap((video) =>
    from(
      open(video).then(
        ({ plans, frames }) => of({ video, plans, frames: pull(frames, budget) }),
        (error: unknown) => {
          onFailure(video, asStanflowError(error))
          return EMPTY
        },
      ),
    ).pipe(mergeMap((opened) => opened)),
  )
}
