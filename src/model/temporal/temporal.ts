import type { Algebra, Weights } from '../algebra.js'
import type { VisionOutput } from '../clip.js'
import type { ClipConfig } from '../config.js'

export type StructureName = 'mean' | 'stan-self'

/** A video in the joint space. Not normalised: the engine's last step is. */
export interface VideoOutput<X> {
  /** `[B, T, dim]` */
  readonly frames: X
  /** `[B, dim]` */
  readonly video: X
  /** Named intermediates, for comparison layer by layer. */
  readonly steps: Readonly<Record<string, X>>
}

/** A way to make one video embedding of T frames' CLIP features: what the paper compares. */
export interface Temporal {
  readonly name: StructureName
  /** Whether a checkpoint's tensors are of this structure. */
  detect(names: ReadonlySet<string>): boolean
  /** The tensors it needs besides CLIP's, with their shapes. */
  shapes(config: ClipConfig, weights: Pick<Weights, 'names'>): ReadonlyMap<string, readonly number[]>
  /** Longest clip in frames. */
  readonly maxFrames: number
  /** `vision` holds `B · T` frames, the T frames of a clip together. */
  forward<X>(g: Algebra<X>, config: ClipConfig, vision: VisionOutput<X>, frames: number): VideoOutput<X>
}
