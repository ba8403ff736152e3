import type { Tensor, Tf } from '../engine/tfjs/algebra.js'
import type { TextTokenizer } from '../model/tokenizer.js'
import { motionCaption, plainCaption } from '../scenes/captions.js'
import { MOTION_NAMES, reversed } from '../scenes/vocabulary.js'
import { tokenise } from './batches.js'
import type { ClipSet } from './clips.js'
import { requireFiniteVectors } from './diverged.js'
import { tensorsOf } from './gradients.js'
import { Forward, type Network } from './network.js'
import type { Parameters } from './parameters.js'
import { readVectors } from './vectors.js'

/** 0..1 each. */
export interface Scores {
  /** Text to video: the right one first, in a gallery where no two scenes have the same caption. */
  readonly appearance: number
  /** The right motion first among all motions' captions. Undefined while only pictures are trained. */
  readonly motion?: number
  /** A motion before its own reverse. */
  readonly order?: number
}

export interface ValidationSets {
  /** Scenes whose plain captions all differ. */
  readonly appearance: ClipSet
  readonly motion: ClipSet
}

const CLIPS_AT_ONCE = 16

/**
 * Scores of the parameters as they are now; `branch` false: frames alone, averaged.
 * @throws StanflowError TRAIN_DIVERGED where an embedding is not finite
 */
export function validate(
  tf: Tf,
  net: Network,
  parameters: Parameters,
  { sets, tokenizer, branch }: { sets: ValidationSets; tokenizer: TextTokenizer; branch: boolean },
): Scores {
  const weights = tensorsOf(tf, parameters)
  try {
    const forward = new Forward(tf, net, weights)
    const text = (texts: readonly string[]): Float32Array =>
      read(tf, () => forward.texts(tokenise(tokenizer, texts)))
    const { scenes } = sets.appearance
    const seen = embed(tf, net, forward, sets.appearance, branch)
    const asked = text(scenes.map((scene) => plainCaption(scene).text))
    const appearance = share(scenes.length, (n) => best(asked, n, seen, net.config.dim) === n)
    if (!branch) return { appearance }

    const moving = sets.motion.scenes
    const videos = embed(tf, net, forward, sets.motion, branch)
    const motions = text(MOTION_NAMES.map(motionCaption))
    const name = (n: number): number => MOTION_NAMES.indexOf(moving[n]?.motion ?? 'rest')
    const motion = share(moving.length, (n) => best(videos, n, motions, net.config.dim) === name(n))
    const ordered = [...moving.keys()].filter(
      (n) => reversed(moving[n]?.motion ?? 'rest') !== moving[n]?.motion,
    )
    const order = share(ordered.length, (i) => {
      const n = ordered[i] as number
      const other = MOTION_NAMES.indexOf(reversed(moving[n]?.motion ?? 'rest'))
      const { dim } = net.config
      return dot(videos, n, motions, name(n), dim) > dot(videos, n, motions, other, dim)
    })
    return { appearance, motion, order }
  } finally {
    tf.dispose([...weights.values()])
  }
}

function embed(tf: Tf, net: Network, forward: Forward, set: ClipSet, branch: boolean): Float32Array {
  const { frames, config } = net
  const clipBytes = frames * config.vision.size ** 2 * 3
  const all = new Float32Array(set.scenes.length * config.dim)
  for (let from = 0; from < set.scenes.length; from += CLIPS_AT_ONCE) {
    const count = Math.min(CLIPS_AT_ONCE, set.scenes.length - from)
    const pixels = new Uint8Array(count * clipBytes)
    for (let n = 0; n < count; n++) set.readAll(from + n, pixels, n * clipBytes)
    const vectors = read(tf, () =>
      branch ? forward.clips(forward.trunk(pixels)).video : forward.averaged(forward.classes(pixels)),
    )
    all.set(vectors, from * config.dim)
  }
  return all
}

const read = (tf: Tf, compute: () => Tensor): Float32Array => requireFiniteVectors(readVectors(tf, compute))

function dot(a: Float32Array, n: number, b: Float32Array, m: number, dim: number): number {
  let sum = 0
  for (let i = 0; i < dim; i++) sum += (a[n * dim + i] as number) * (b[m * dim + i] as number)
  return sum
}

/** The row of `among` most similar to row n of `of`. */
function best(of: Float32Array, n: number, among: Float32Array, dim: number): number {
  let found = -1
  let most = Number.NEGATIVE_INFINITY
  for (let m = 0; m < among.length / dim; m++) {
    const score = dot(of, n, among, m, dim)
    if (score > most) [most, found] = [score, m]
  }
  return found
}

function share(count: number, isRight: (n: number) => boolean): number {
  let right = 0
  for (let n = 0; n < count; n++) if (isRight(n)) right++
  return right / count
}
