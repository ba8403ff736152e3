import type { LabelledEmbedding, LiveFrame, StreamPiece } from '../../src/domain.js'

/** A clip on its way to the rules; `labels` is absent where nothing moved, so that the model did not look at it. */
export type SeenClip = Pick<LabelledEmbedding, 'clipId' | 'source' | 'start' | 'end'> &
  Partial<Pick<LabelledEmbedding, 'labels'>> & {
    /** Clips of one length and stride follow one another: `window-12-4s-1s`. */
    readonly series: string
  }

/**
 * What plugs into one camera's stream, made anew for each camera. Every part is called in the order of the stream and
 * must not block; what takes time (cutting an MP4, say) goes on by itself and is waited for by `close`.
 */
export interface CameraParts {
  /**
   * Asked of every sampled frame before anything is inferred from it: does it show something new? What does not is shown to
   * the model as the last frame that did, which costs nothing there; a clip without any new frame is not looked at. The
   * pixels are the model's, `[S, S, 3]`, and only good until the call returns.
   */
  readonly isNew?: (frame: LiveFrame) => boolean
  /** Every picture of the compressed stream: what a ring holds the last seconds of. */
  readonly onPiece?: (piece: StreamPiece) => void
  /** Every clip that is not dropped, in the order of the stream, once its labels are known. */
  readonly onClip?: (clip: SeenClip) => void
  /**
   * The camera is let go, for good; clips that were cut may still come, unless it `isRemoved`: then there is no such camera any
   * more, here or in the next run.
   */
  readonly close?: (isRemoved: boolean) => Promise<void>
  /** Every clip that was cut has come, or never will: nothing is called after this. */
  readonly settle?: () => Promise<void>
}
