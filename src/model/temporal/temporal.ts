import type { Algebra } from '../algebra.js'
import type { VisionOutput } from '../clip.js'
import type { ClipConfig } from '../config.js'

/** A video in the joint space. Not normalised: the graph's last step is. */
export interface VideoOutput<X> {
  /** `[B, T, dim]` */
  readonly frames: X
  /** `[B, dim]` */
  readonly video: X
  /** Named intermediates, for comparison layer by layer. */
  readonly steps: Readonly<Record<string, X>>
  /** The class token that a branch adds to CLIP's, `[B, 1, D]`. */
  readonly branchCls?: X
}

export interface ForwardOptions<X> {
  /** Only what the video's embedding needs is computed: no steps, and none of a last layer's work that nothing reads. */
  readonly lean?: boolean
  readonly noise?: BranchNoise<X>
}

/** What training does to a branch at random. */
export interface BranchNoise<X> {
  /** To the patches that enter the branch, `[B, T, L, D]`. */
  input(patches: X): X
  /**
   * To a residual path of layer `k` of `depth`: a clip's path is there or not. The result goes over everything that the path
   * adds, class token and patches, `[B, …]`.
   */
  path(k: number, depth: number): (added: X) => X
}

/** Names of tensors, as a checkpoint has them. */
export type Names = ReadonlySet<string>

/** A way to make one video embedding of T frames' CLIP features: what the paper compares. */
export interface Temporal {
  readonly name: string
  /** Longest clip in frames. */
  readonly maxFrames: number
  /** Whether a checkpoint's tensors are of this structure. */
  detect(names: Names): boolean
  /** How many layers of its own the tensors make. */
  depth(names: Names): number
  /**
   * The tensors it needs besides CLIP's at this depth, with their shapes; those that a structure can do without only where
   * `names` has them. @throws StanflowError MODEL_WEIGHTS where CLIP is not that deep
   */
  shapes(config: ClipConfig, depth: number, names?: Names): ReadonlyMap<string, readonly number[]>
  /** CLIP layers, from 0 and ascending, whose hidden states `forward` reads besides the last class token. */
  reads(config: ClipConfig, depth: number): readonly number[]
  /**
   * What becomes of the hidden states `[B·T, 1+L, D]` on their way into CLIP layer n. A structure without it leaves CLIP's
   * forward pass as it is, so overlapping clips can share a frame's.
   */
  readonly insert?: <X>(g: Algebra<X>, config: ClipConfig, n: number, hidden: X, frames: number) => X
  /** `vision` holds `B · T` frames, the T frames of a clip together. */
  forward<X>(
    g: Algebra<X>,
    config: ClipConfig,
    vision: VisionOutput<X>,
    frames: number,
    options?: ForwardOptions<X>,
  ): VideoOutput<X>
}
