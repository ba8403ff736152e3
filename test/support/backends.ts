import type { EngineName, HostArray, LoadRequest } from '../../src/engine/engine.js'
import { engineModule } from '../../src/engine/open.js'
import { ReferenceAlgebra } from '../../src/engine/reference/algebra.js'
import type { Weights } from '../../src/model/algebra.js'
import type { ModelGraph } from '../../src/model/graphs.js'

export type Inputs = Readonly<Record<string, HostArray>>
export type Outputs = Readonly<Record<string, Float32Array>>

/** A way to compute what is written in the model's algebra. */
export interface BackEnd {
  readonly name: string
  /** Rounds in PyTorch's order, so that even where rounding grows it stays beside it. */
  readonly roundsAsPyTorch: boolean
  run(graph: ModelGraph, weights: Weights, inputs: Inputs): Promise<Outputs>
}

/** The reference back end; in float64 the truth that all others approximate. */
export function reference(precision: 'float32' | 'float64'): BackEnd {
  return {
    name: `the reference in ${precision}`,
    roundsAsPyTorch: precision === 'float32',
    async run(graph, weights, inputs) {
      const g = new ReferenceAlgebra(weights, precision)
      const given = Object.entries(inputs).map(([name, { shape, data }]) => {
        return [name, g.constant({ shape, data: Float32Array.from(data) })] as const
      })
      const results = Object.entries(graph.build(g, Object.fromEntries(given)))
      return Object.fromEntries(results.map(([name, { data }]) => [name, Float32Array.from(data)]))
    },
  }
}

/** An engine as users have it, on the processor in fp32. */
export function onEngine(engine: EngineName, more: Partial<LoadRequest> = {}): BackEnd {
  const request: LoadRequest = {
    engine,
    device: 'cpu',
    precision: 'fp32',
    model: 'default',
    structure: 'auto',
    frames: 8,
    ...more,
  }
  return {
    name: engine,
    roundsAsPyTorch: false,
    async run(graph, weights, inputs) {
      const { open } = await engineModule(engine)
      const runner = await (await open(request)).compile(graph, weights)
      try {
        return await runner.run(inputs)
      } finally {
        await runner.release()
      }
    },
  }
}

/** Every back end that must agree with PyTorch: an engine that is new gets its line here. */
export const BACK_ENDS: readonly BackEnd[] = [
  reference('float32'),
  onEngine('onnx'),
  onEngine('openvino'),
  onEngine('tfjs'),
]

/** An input of a graph by its name. */
export function given<X>(inputs: Readonly<Record<string, X>>, name: string): X {
  const value = inputs[name]
  if (value === undefined) throw new TypeError(`the graph was given no ${name}`)
  return value
}
