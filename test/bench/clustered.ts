import { type Random, randomFrom } from '../../src/scenes/random.js'

export interface Clusters {
  readonly dim: number
  readonly centres: number
  /** Of the centres. */
  readonly seed: number
  /** Of what is drawn around them; default: the same. */
  readonly drawSeed?: number
}

/** Dimensions that the centres differ in: embeddings fill few of theirs. */
const LATENT = 48
/** How far vectors lie from their centre, against the distance of centres from each other. */
const SPREAD = 1
const NOISE = 0.15
const POOL = 1 << 18

/** Unit vectors around centres of unequal weight; overlapping clusters, no two vectors alike. */
export function clustered({ dim, centres, seed, drawSeed = seed }: Clusters): () => Float32Array {
  const random = randomFrom(`clusters ${seed}`)
  const basis = gaussians(random, LATENT * dim).map((value) => value / Math.sqrt(LATENT))
  const middles = gaussians(random, centres * LATENT)
  const noise = gaussians(random, POOL)
  const draw = randomFrom(`draws ${drawSeed}`)
  return () => {
    // Some scenes are seen far more often than others.
    const centre = Math.floor(centres * draw.next() ** 2)
    const latent = gaussians(draw, LATENT)
    const from = draw.int(POOL - dim)
    const vector = noise.slice(from, from + dim).map((value) => value * NOISE)
    for (let k = 0; k < LATENT; k++) {
      const weight = (middles[centre * LATENT + k] ?? 0) + SPREAD * (latent[k] ?? 0)
      const row = k * dim
      for (let i = 0; i < dim; i++) vector[i] = (vector[i] as number) + weight * (basis[row + i] as number)
    }
    let squares = 0
    for (let i = 0; i < dim; i++) squares += (vector[i] as number) ** 2
    const norm = Math.sqrt(squares)
    for (let i = 0; i < dim; i++) vector[i] = (vector[i] as number) / norm
    return vector
  }
}

function gaussians(random: Random, count: number): Float32Array {
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    values[i] = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
  }
  return values
}
