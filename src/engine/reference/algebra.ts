import type { Algebra, HostTensor, Weights } from '../../model/algebra.js'
import { float32Exp } from './exp.js'
import { exactMoments, float32Moments, type Moments } from './moments.js'
import { DOT_COLUMNS, multiply, multiplyByDots } from './products.js'

/** An eager tensor of the reference back end. Values are doubles; in float32 mode each is a float32 value. */
export interface Dense {
  readonly shape: readonly number[]
  readonly data: Float64Array
  /** True where PyTorch would have the last two axes swapped in memory: its matrix products then run in another order. */
  readonly swapped?: boolean
}

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)
const rowsOf = ({ shape, data }: Dense): [rows: number, width: number] => {
  const width = shape.at(-1) ?? 1
  return [data.length / width, width]
}

function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length).fill(1)
  for (let i = shape.length - 2; i >= 0; i--) result[i] = (result[i + 1] as number) * (shape[i + 1] as number)
  return result
}

/**
 * Runs the model's algebra at once in plain JavaScript: slow, and as exact as the precision asked for, so that other
 * engines can be measured against it. `float32` rounds after every step, in the order in which PyTorch computes on a CPU
 * (sums of products run one after another, with a fused multiply-add), so that it rounds as PyTorch does; `float64` is
 * the truth that both approximate.
 */
export class ReferenceAlgebra implements Algebra<Dense> {
  readonly #weights: Weights
  readonly #float32: boolean
  readonly #round: (x: number) => number
  readonly #exp: (x: number) => number
  readonly #moments: (row: Float64Array) => Moments

  constructor(weights: Weights, precision: 'float32' | 'float64') {
    this.#weights = weights
    this.#float32 = precision === 'float32'
    this.#round = this.#float32 ? Math.fround : (x) => x
    this.#exp = this.#float32 ? float32Exp : Math.exp
    this.#moments = this.#float32 ? float32Moments : exactMoments
  }

  weight = (name: string): Dense => this.constant(this.#weights.read(name))
  has = (name: string): boolean => this.#weights.names.has(name)
  constant = ({ shape, data }: HostTensor): Dense => ({ shape, data: Float64Array.from(data) })

  add = (a: Dense, b: Dense): Dense => this.#zip(a, b, (x, y) => x + y)
  mul = (a: Dense, b: Dense): Dense => this.#zip(a, b, (x, y) => x * y)
  sigmoid = (x: Dense): Dense => this.#map(x, (v) => 1 / this.#round(1 + this.#exp(-v)))
  gelu = (x: Dense): Dense => this.#map(x, (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)))
  toFloat = (x: Dense): Dense => x

  matmul(a: Dense, b: Dense): Dense {
    const [m, k] = a.shape.slice(-2) as [number, number]
    const n = b.shape.at(-1) as number
    const batch = a.shape.slice(0, -2)
    const data = new Float64Array(count(batch) * m * n)
    const shared = b.shape.length === 2
    const byDots = this.#float32 && !shared && b.swapped === true && n < DOT_COLUMNS
    for (let i = 0; i < count(batch); i++) {
      const product = {
        a: a.data.subarray(i * m * k, (i + 1) * m * k),
        b: b.data.subarray(shared ? 0 : i * k * n, shared ? k * n : (i + 1) * k * n),
        out: data.subarray(i * m * n, (i + 1) * m * n),
        k,
        n,
      }
      if (byDots) multiplyByDots(product)
      else multiply(product, this.#round)
    }
    return { shape: [...batch, m, n], data }
  }

  linear(x: Dense, weight: Dense, bias?: Dense): Dense {
    const product = this.matmul(x, this.transpose(weight, [1, 0]))
    return bias === undefined ? product : this.add(product, bias)
  }

  softmax = (x: Dense): Dense =>
    this.#rows(x, (row) => {
      const round = this.#round
      const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
      const powers = row.map((v) => this.#exp(round(v - top)))
      const share = round(1 / powers.reduce((a, b) => round(a + b), 0))
      return powers.map((v) => v * share)
    })

  layerNorm(x: Dense, scale: Dense, shift: Dense, epsilon: number): Dense {
    const round = this.#round
    return this.#rows(x, (row) => {
      const { mean, variance } = this.#moments(row)
      const inverse = round(1 / round(Math.sqrt(round(variance + round(epsilon)))))
      return row.map((v, i) => {
        const normal = round(round(v - mean) * inverse)
        return normal * (scale.data[i] as number) + (shift.data[i] as number)
      })
    })
  }

  l2normalize = (x: Dense): Dense =>
    this.#rows(x, (row) => {
      const norm = Math.sqrt(row.reduce((a, b) => a + b * b, 0))
      return row.map((v) => v / norm)
    })

  mean = (x: Dense, axis: number): Dense =>
    reduce(x, axis, (values) => {
      const sum = values.reduce((a, b) => this.#round(a + b), 0)
      return this.#round(sum / values.length)
    })

  max = (x: Dense, axis: number): Dense =>
    reduce(x, axis, (values) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))

  reshape(x: Dense, shape: readonly number[]): Dense {
    const known = count(shape.filter((side) => side !== -1))
    return { shape: shape.map((side) => (side === -1 ? x.data.length / known : side)), data: x.data }
  }

  transpose(x: Dense, permutation: readonly number[]): Dense {
    const from = strides(x.shape)
    const moved = this.#gatherIndices(
      permutation.map((axis) => x.shape[axis] as number),
      x,
      (index) => permutation.reduce((at, axis, i) => at + (index[i] as number) * (from[axis] as number), 0),
    )
    return { ...moved, swapped: (permutation.at(-1) ?? 0) < (permutation.at(-2) ?? 0) }
  }

  concat(xs: readonly Dense[], axis: number): Dense {
    const [first] = xs as [Dense]
    const shape = first.shape.map((side, i) =>
      i === axis ? xs.reduce((sum, x) => sum + (x.shape[axis] as number), 0) : side,
    )
    const data = new Float64Array(count(shape))
    const outer = count(shape.slice(0, axis))
    let at = 0
    for (let o = 0; o < outer; o++) {
      for (const x of xs) {
        const run = x.data.length / outer
        data.set(x.data.subarray(o * run, (o + 1) * run), at)
        at += run
      }
    }
    return { shape, data }
  }

  slice(x: Dense, axis: number, start: number, end: number): Dense {
    const from = strides(x.shape)
    const shape = x.shape.map((side, i) => (i === axis ? end - start : side))
    return this.#gatherIndices(shape, x, (index) =>
      index.reduce((at, position, i) => at + (position + (i === axis ? start : 0)) * (from[i] as number), 0),
    )
  }

  tile(x: Dense, repeats: readonly number[]): Dense {
    const from = strides(x.shape)
    const shape = x.shape.map((side, i) => side * (repeats[i] as number))
    return this.#gatherIndices(shape, x, (index) =>
      index.reduce((at, position, i) => at + (position % (x.shape[i] as number)) * (from[i] as number), 0),
    )
  }

  repeatBatch(x: Dense, like: Dense): Dense {
    return this.tile(x, [like.shape[0] as number, ...x.shape.slice(1).map(() => 1)])
  }

  gather(table: Dense, ids: Dense): Dense {
    const width = table.shape.at(-1) as number
    const data = new Float64Array(ids.data.length * width)
    for (const [n, id] of ids.data.entries())
      data.set(table.data.subarray(id * width, (id + 1) * width), n * width)
    return { shape: [...ids.shape, width], data }
  }

  pick(x: Dense, at: Dense): Dense {
    const [n, length, width] = x.shape as [number, number, number]
    const flat = this.reshape(x, [n * length, width])
    return this.gather(flat, { shape: [n], data: at.data.map((position, row) => row * length + position) })
  }

  #map(x: Dense, f: (v: number) => number): Dense {
    return { shape: x.shape, data: x.data.map((v) => this.#round(f(v))) }
  }

  #rows(x: Dense, f: (row: Float64Array) => Float64Array): Dense {
    const [rows, width] = rowsOf(x)
    const data = new Float64Array(x.data.length)
    for (let r = 0; r < rows; r++) {
      data.set(f(x.data.subarray(r * width, (r + 1) * width)).map(this.#round), r * width)
    }
    return { shape: x.shape, data }
  }

  #zip(a: Dense, b: Dense, f: (x: number, y: number) => number): Dense {
    const rank = Math.max(a.shape.length, b.shape.length)
    const pad = (shape: readonly number[]): number[] => [
      ...new Array<number>(rank - shape.length).fill(1),
      ...shape,
    ]
    const [left, right] = [pad(a.shape), pad(b.shape)]
    const shape = left.map((side, i) => Math.max(side, right[i] as number))
    const [stepA, stepB] = [strides(left), strides(right)]
    const offset = (steps: number[], sides: number[], index: readonly number[]): number =>
      index.reduce(
        (at, position, i) => at + ((sides[i] as number) === 1 ? 0 : position * (steps[i] as number)),
        0,
      )
    const data = new Float64Array(count(shape))
    eachIndex(shape, (index, i) => {
      data[i] = this.#round(
        f(a.data[offset(stepA, left, index)] as number, b.data[offset(stepB, right, index)] as number),
      )
    })
    return { shape, data }
  }

  #gatherIndices(shape: readonly number[], x: Dense, from: (index: readonly number[]) => number): Dense {
    const data = new Float64Array(count(shape))
    eachIndex(shape, (index, i) => {
      data[i] = x.data[from(index)] as number
    })
    return { shape, data }
  }
}

/** Each run of values along the axis as one. */
function reduce(x: Dense, axis: number, f: (values: Float64Array) => number): Dense {
  const inner = count(x.shape.slice(axis + 1))
  const shape = x.shape.filter((_, i) => i !== axis)
  const data = new Float64Array(count(shape))
  const values = new Float64Array(x.shape[axis] as number)
  for (let i = 0; i < data.length; i++) {
    const base = Math.floor(i / inner) * values.length * inner + (i % inner)
    for (let s = 0; s < values.length; s++) values[s] = x.data[base + s * inner] as number
    data[i] = f(values)
  }
  return { shape, data }
}

function eachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0)
  for (let flat = 0, total = count(shape); flat < total; flat++) {
    visit(index, flat)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (shape[axis] as number)) break
      index[axis] = 0
    }
  }
}

/** Abramowitz and Stegun 7.1.6, whose terms are all of one sign, so that nothing cancels; beyond 6, erf is ±1 to 1e-16. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}
