import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import type { BranchNoise } from '../model/temporal/temporal.js'
import { randomFrom } from '../scenes/random.js'

export interface NoiseRates {
  /** Part of the numbers that enter the branch and become 0. */
  readonly dropout: number
  /** Chance that a clip goes without a residual path of the branch's last layer; in those before it rises from 0. */
  readonly dropPath: number
}

/** Dropout and DropPath, the same for the same seed. What stays is scaled up, so that its mean stays too. */
export function branchNoise(tf: Tf, { dropout, dropPath }: NoiseRates, seed: string): BranchNoise<Tensor> {
  const random = randomFrom(`noise ${seed}`)
  const mask = (count: number, rate: number): Float32Array =>
    Float32Array.from({ length: count }, () => (random.chance(rate) ? 0 : 1 / (1 - rate)))
  return {
    input(patches) {
      return dropout === 0 ? patches : tf.mul(patches, tf.tensor(mask(patches.size, dropout), patches.shape))
    },
    path(k, depth) {
      const rate = depth === 1 ? 0 : (dropPath * k) / (depth - 1)
      let kept: Float32Array | undefined
      return (added) => {
        if (rate === 0) return added
        const clips = added.shape[0] as number
        kept ??= mask(clips, rate)
        return tf.mul(added, tf.tensor(kept, [clips, ...added.shape.slice(1).map(() => 1)]))
      }
    },
  }
}
