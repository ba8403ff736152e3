import { type Tensor, type Tf, TfjsAlgebra } from '../engine/tfjs/algebra.js'
import { clipClass, clipText, clipVision, projectVision, type VisionOutput } from '../model/clip.js'
import type { ClipConfig } from '../model/config.js'
import { averageFrames, embedFrames } from '../model/temporal/mean.js'
import type { BranchNoise, Temporal } from '../model/temporal/temporal.js'
import type { Texts } from './batches.js'

/** The model's shape, without its weights. */
export interface Network {
  readonly config: ClipConfig
  readonly structure: Temporal
  readonly frames: number
}

/** A clip batch through the branch. */
export interface Seen {
  /** `[B, dim]`, of unit length. */
  readonly video: Tensor
  /** Class token of the branch's last layer, `[B, D]`; of CLIP's, averaged over time, where there is no branch. */
  readonly cls: Tensor
}

/** The network with weights: everything a loss is made of. Tensors are the caller's to tidy. */
export class Forward {
  readonly #tf: Tf
  readonly #g: TfjsAlgebra
  readonly #net: Network

  constructor(tf: Tf, net: Network, weights: ReadonlyMap<string, Tensor>) {
    this.#tf = tf
    this.#g = new TfjsAlgebra(tf, weights)
    this.#net = net
  }

  weight(name: string): Tensor {
    return this.#g.weight(name)
  }

  /** exp(logit_scale), at most 100 as in CLIP. */
  scale(): Tensor {
    return this.#tf.minimum(this.#tf.exp(this.weight('logit_scale')), 100)
  }

  /** CLIP on the frames of clips, `[B·T, S, S, 3]`. */
  trunk(pixels: Uint8Array): VisionOutput<Tensor> {
    return this.#vision(this.#upload(pixels))
  }

  /** The same, and behind it the clips with time running backwards. */
  bothWays(pixels: Uint8Array): VisionOutput<Tensor> {
    const frames = this.#upload(pixels)
    if (this.#net.structure.insert === undefined)
      return withReverse(this.#tf, this.#vision(frames), this.#net.frames)
    // Each frame's features depend on its clip: what runs backwards has features of its own.
    return this.#vision(reversedToo(this.#tf, frames, this.#net.frames))
  }

  #vision(frames: Tensor): VisionOutput<Tensor> {
    const { config, structure, frames: T } = this.#net
    const { insert } = structure
    const change = insert && ((n: number, hidden: Tensor) => insert(this.#g, config, n, hidden, T))
    return clipVision(this.#g, config.vision, frames, 'uint8', change)
  }

  /** Class tokens of frames `[N, S, S, 3]`, `[N, D]`. */
  classes(pixels: Uint8Array): Tensor {
    return clipClass(this.#g, this.#net.config.vision, this.#upload(pixels), 'uint8')
  }

  #upload(pixels: Uint8Array): Tensor {
    const { size } = this.#net.config.vision
    const count = pixels.length / (size * size * 3)
    return this.#tf.tensor(new Float32Array(pixels), [count, size, size, 3], 'float32')
  }

  /** Class tokens of frames `[N, D]` in the joint space, `[N, dim]`, of unit length. */
  pictures(cls: Tensor): Tensor {
    return this.#g.l2normalize(projectVision(this.#g, this.#net.config, cls))
  }

  /** Class tokens of clips' frames `[N·T, D]` as CLIP alone takes the clips, each the mean of its frames: `[N, dim]`, of unit length. */
  averaged(cls: Tensor): Tensor {
    const { config, frames } = this.#net
    const each = embedFrames(this.#g, config, { cls }, frames)
    return this.#g.l2normalize(averageFrames(this.#g, each).video)
  }

  clips(vision: VisionOutput<Tensor>, noise?: BranchNoise<Tensor>): Seen {
    const { config, structure, frames } = this.#net
    const { video, branchCls } = structure.forward(this.#g, config, vision, frames, {
      lean: true,
      ...(noise && { noise }),
    })
    const { width } = config.vision
    const cls =
      branchCls === undefined
        ? this.#g.mean(this.#g.reshape(vision.cls, [-1, frames, width]), 1)
        : this.#g.reshape(branchCls, [-1, width])
    return { video: this.#g.l2normalize(video), cls }
  }

  /** `[N, dim]`, of unit length. */
  texts({ ids, eos, count, length }: Texts): Tensor {
    const tf = this.#tf
    const { embedding } = clipText(
      this.#g,
      this.#net.config,
      tf.tensor2d(ids, [count, length], 'int32'),
      tf.tensor1d(eos, 'int32'),
      length,
    )
    return this.#g.l2normalize(embedding)
  }

  /** A linear layer that serves training only. */
  head(name: string, x: Tensor): Tensor {
    return this.#g.linear(x, this.weight(`aux.${name}.weight`), this.weight(`aux.${name}.bias`))
  }
}

/** Frames of clips `[B·T, …]`, and behind them the same clips with time running backwards. */
function reversedToo(tf: Tf, x: Tensor, frames: number): Tensor {
  const clips = tf.reshape(x, [-1, frames, ...x.shape.slice(1)])
  return tf.reshape(tf.concat([clips, tf.reverse(clips, 1)], 0), [-1, ...x.shape.slice(1)])
}

function withReverse(tf: Tf, vision: VisionOutput<Tensor>, frames: number): VisionOutput<Tensor> {
  const layers = new Map([...vision.layers].map(([n, hidden]) => [n, reversedToo(tf, hidden, frames)]))
  return { layers, cls: reversedToo(tf, vision.cls, frames) }
}
