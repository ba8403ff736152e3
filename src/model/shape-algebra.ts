import { StanflowError } from '../errors.js'
import type { Algebra, HostTensor, Weights } from './algebra.js'

/** A tensor of which only the shape is known. */
export interface Shaped {
  readonly shape: readonly number[]
  /** Follows from the weights alone: an engine computes it once, if at all. */
  readonly fixed: boolean
}

export const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

/**
 * The model's algebra over shapes: what a graph would give, without data or weights. Shapes that do not fit throw. Who
 * extends it learns of every step.
 */
export class ShapeAlgebra implements Algebra<Shaped> {
  readonly #weights: Pick<Weights, 'names' | 'shape'>

  constructor(weights: Pick<Weights, 'names' | 'shape'>) {
    this.#weights = weights
  }

  weight(name: string): Shaped {
    const shape = this.#weights.shape(name)
    if (shape === undefined) throw new StanflowError('MODEL_WEIGHTS', `there is no tensor ${name}`)
    return { shape, fixed: true }
  }

  has = (name: string): boolean => this.#weights.names.has(name)
  constant = ({ shape }: Pick<HostTensor, 'shape'>): Shaped => ({ shape, fixed: true })

  add = (a: Shaped, b: Shaped): Shaped => this.elementWise([a, b])
  mul = (a: Shaped, b: Shaped): Shaped => this.elementWise([a, b])
  sigmoid = (x: Shaped): Shaped => this.elementWise([x])
  gelu = (x: Shaped): Shaped => this.elementWise([x])
  softmax = (x: Shaped): Shaped => this.elementWise([x])
  l2normalize = (x: Shaped): Shaped => this.elementWise([x])
  layerNorm = (x: Shaped, scale: Shaped, shift: Shaped, _: number): Shaped =>
    this.elementWise([x, scale, shift])
  toFloat = (x: Shaped): Shaped => x

  /** Values of one shape, or that broadcast to one. */
  protected elementWise(xs: readonly Shaped[]): Shaped {
    return made(broadcast(xs.map(({ shape }) => shape)), xs)
  }

  matmul(a: Shaped, b: Shaped): Shaped {
    const [m, k] = a.shape.slice(-2) as [number, number]
    const [rows, n] = b.shape.slice(-2) as [number, number]
    if (k !== rows) throw unfit('matmul', [a.shape, b.shape])
    const batch = broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)])
    return made([...batch, m, n], [a, b])
  }

  linear(x: Shaped, weight: Shaped, bias?: Shaped): Shaped {
    const [out, width] = weight.shape as [number, number]
    if (x.shape.at(-1) !== width || (bias !== undefined && count(bias.shape) !== out))
      throw unfit('linear', [x.shape, weight.shape, bias?.shape ?? []])
    return made([...x.shape.slice(0, -1), out], [x, weight])
  }

  mean = (x: Shaped, axis: number): Shaped => this.reduce(x, axis)
  max = (x: Shaped, axis: number): Shaped => this.reduce(x, axis)

  protected reduce(x: Shaped, axis: number): Shaped {
    return made(
      x.shape.filter((_, i) => i !== axis),
      [x],
    )
  }

  reshape(x: Shaped, shape: readonly number[]): Shaped {
    const rest = count(x.shape) / count(shape.filter((side) => side !== -1))
    const result = shape.map((side) => (side === -1 ? rest : side))
    if (count(result) !== count(x.shape) || !Number.isInteger(rest)) throw unfit('reshape', [x.shape, shape])
    return made(result, [x])
  }

  transpose = (x: Shaped, permutation: readonly number[]): Shaped =>
    made(
      permutation.map((axis) => x.shape[axis] as number),
      [x],
    )

  concat(xs: readonly Shaped[], axis: number): Shaped {
    const [first] = xs as [Shaped]
    const total = xs.reduce((sum, { shape }) => sum + (shape[axis] as number), 0)
    const other = ({ shape }: Shaped): string => shape.filter((_, i) => i !== axis).join()
    if (xs.some((x) => other(x) !== other(first)))
      throw unfit(
        'concat',
        xs.map(({ shape }) => shape),
      )
    return made(
      first.shape.map((side, i) => (i === axis ? total : side)),
      xs,
    )
  }

  slice(x: Shaped, axis: number, start: number, end: number): Shaped {
    if (start < 0 || end > (x.shape[axis] as number)) throw unfit('slice', [x.shape, [start, end]])
    return made(
      x.shape.map((side, i) => (i === axis ? end - start : side)),
      [x],
    )
  }

  tile = (x: Shaped, repeats: readonly number[]): Shaped =>
    made(
      x.shape.map((side, i) => side * (repeats[i] as number)),
      [x],
    )

  repeatBatch = (x: Shaped, like: Shaped): Shaped =>
    made([like.shape[0] as number, ...x.shape.slice(1)], [x, like])
  gather = (table: Shaped, ids: Shaped): Shaped =>
    made([...ids.shape, table.shape.at(-1) as number], [table, ids])
  pick = (x: Shaped, at: Shaped): Shaped => made([at.shape[0] as number, x.shape.at(-1) as number], [x, at])
}

const made = (shape: readonly number[], from: readonly Shaped[]): Shaped => ({
  shape,
  fixed: from.every(({ fixed }) => fixed),
})

function broadcast(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length))
  return Array.from({ length: rank }, (_, i) => {
    const sides = shapes.map((shape) => shape[shape.length - rank + i] ?? 1).filter((side) => side !== 1)
    if (new Set(sides).size > 1) throw unfit('broadcast', shapes)
    return sides[0] ?? 1
  })
}

const unfit = (step: string, shapes: readonly (readonly number[])[]): StanflowError =>
  new StanflowError('INTERNAL', `${step} of ${shapes.map((shape) => `[${shape.join(', ')}]`).join(', ')}`)
