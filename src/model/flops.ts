import type { Weights } from './algebra.js'
import { type ModelGraph, trunkGraph, videoGraph } from './graphs.js'
import type { OpenModel } from './load.js'
import { count, ShapeAlgebra, type Shaped } from './shape-algebra.js'
import { mean } from './temporal/mean.js'

/** What a graph computes; what follows from the weights alone is left out. */
export interface Flops {
  /** Multiply-accumulates of linear layers, the patch embedding and convolutions among them. */
  readonly linear: number
  /** Multiply-accumulates of attention's two products. */
  readonly attention: number
  /** Values that the rest gives: sums, activations, norms, softmax, means. */
  readonly rest: number
}

/** `linear + attention`. The literature calls these FLOPs; a processor's are two of them. */
export const fullCount = ({ linear, attention }: Flops): number => linear + attention

/** Counts while a graph is built over shapes: what is counted is the model itself. */
class Counter extends ShapeAlgebra {
  readonly total = { linear: 0, attention: 0, rest: 0 }

  protected override elementWise(xs: readonly Shaped[]): Shaped {
    return this.#add('rest', super.elementWise(xs), 1)
  }

  protected override reduce(x: Shaped, axis: number): Shaped {
    return this.#add('rest', super.reduce(x, axis), x.shape[axis] as number)
  }

  override matmul(a: Shaped, b: Shaped): Shaped {
    return this.#add('attention', super.matmul(a, b), a.shape.at(-1) as number)
  }

  override linear(x: Shaped, weight: Shaped, bias?: Shaped): Shaped {
    const result = this.#add('linear', super.linear(x, weight, bias), x.shape.at(-1) as number)
    return bias === undefined ? result : this.#add('rest', result, 1)
  }

  #add(kind: keyof Flops, result: Shaped, each: number): Shaped {
    if (!result.fixed) this.total[kind] += count(result.shape) * each
    return result
  }
}

/** What a graph computes where its free side is `batch`. Nothing is read of the weights but their shapes. */
export function countGraph(
  graph: ModelGraph,
  weights: Pick<Weights, 'names' | 'shape'>,
  batch: number,
): Flops {
  const g = new Counter(weights)
  const inputs = graph.inputs.map(({ name, shape }) => {
    return [name, { shape: shape.map((side) => (typeof side === 'number' ? side : batch)), fixed: false }]
  })
  graph.build<Shaped>(g, Object.fromEntries(inputs))
  return g.total
}

export interface ModelFlops {
  /** CLIP's encoder over one frame, which a structure that leaves it as it is costs once a frame however windows overlap. */
  readonly frame: Flops
  /** The whole model over one clip. */
  readonly clip: Flops
}

/** What a model computes for a clip of so many frames. */
export function countFlops(
  model: Pick<OpenModel, 'config' | 'weights' | 'structure'>,
  frames: number,
): ModelFlops {
  return {
    frame: countGraph(trunkGraph({ ...model, structure: mean }), model.weights, 1),
    clip: countGraph(videoGraph(model, frames), model.weights, frames),
  }
}
