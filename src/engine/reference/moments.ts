/** Mean and variance of a row. */
export interface Moments {
  readonly mean: number
  readonly variance: number
}

/** A running count, mean and sum of squared distances from it. */
interface Part {
  count: number
  mean: number
  squares: number
}

/** Lanes of a vector register, and vectors in a chunk: how PyTorch cuts a row. */
const LANES = 8
const CHUNK = 16

export function exactMoments(row: Float64Array): Moments {
  const mean = row.reduce((a, b) => a + b, 0) / row.length
  return { mean, variance: row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length }
}

/**
 * In float32, with PyTorch's own order of operations on a CPU: Welford's update in eight lanes, chunk by chunk; chunks
 * are merged two by two, then the lanes one after another. `round(a · b + c)` is a fused multiply-add.
 */
export function float32Moments(row: Float64Array): Moments {
  const round = Math.fround
  const vectors = Math.floor(row.length / LANES)
  const lanes = Array.from({ length: LANES }, (_, lane) => laneMoments(row, lane, vectors))
  const total: Part = { count: 0, mean: 0, squares: 0 }
  for (let i = vectors * LANES; i < row.length; i++)
    update(total, row[i] as number, round(1 / (total.count + 1)))
  for (const lane of lanes) merge(total, lane)
  return { mean: total.mean, variance: round(total.squares / row.length) }
}

function laneMoments(row: Float64Array, lane: number, vectors: number): Part {
  const chunks = Math.ceil(vectors / CHUNK)
  const levels = Array.from({ length: Math.max(1, Math.ceil(Math.log2(chunks))) }, empty)
  for (let chunk = 0; chunk < chunks; chunk++) {
    const part = empty()
    for (let v = chunk * CHUNK; v < Math.min(vectors, (chunk + 1) * CHUNK); v++)
      update(part, row[v * LANES + lane] as number, Math.fround(1 / (part.count + 1)))
    merge(levels[0] as Part, part)
    // Like a binary counter: a level that is full goes into the next.
    for (let level = 1; level < levels.length && (chunk + 1) % 2 ** level === 0; level++) {
      merge(levels[level] as Part, levels[level - 1] as Part)
      levels[level - 1] = empty()
    }
  }
  const [first = empty(), ...others] = levels
  for (const other of others) merge(first, other)
  return first
}

const empty = (): Part => ({ count: 0, mean: 0, squares: 0 })

function update(part: Part, value: number, share: number): void {
  const round = Math.fround
  const delta = round(value - part.mean)
  part.count++
  part.mean = round(delta * share + part.mean)
  part.squares = round(delta * round(value - part.mean) + part.squares)
}

function merge(into: Part, { count, mean, squares }: Part): void {
  const round = Math.fround
  const all = into.count + count
  if (all === 0) return
  const share = round(count / all)
  const delta = round(mean - into.mean)
  into.mean = round(share * delta + into.mean)
  const between = round(round(delta * delta) * share)
  into.squares = round(into.squares + round(between * into.count + squares))
  into.count = all
}
