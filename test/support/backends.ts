import type { EngineName, HostArray, LoadRequest } from '../../src/engine/engine.js'
import { engineModule } from '../../src/engine/open.js'
import { ReferenceAlgebra } from '../../src/engine/reference/algebra.js'
import type { HostTensor, Weights } from '../../src/model/algebra.js'
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
    model: 'random:small',
    structure: 'auto',
    frames: 8,
    ...more,
  }
  return {
    name: engine,
    roundsAsPyTorch: false,
    async run(graph, weights, inputs) {
      const { open } = await engineModule(engine)
      // Some engines try a graph on as many frames before they give it out.
      const frames = inputs.pixels?.shape[0] ?? request.frames
      const runner = await (await open({ ...request, frames })).compile(graph, weights)
      try {
        return await runner.run(inputs)
      } finally {
        await runner.release()
      }
    },
  }
}

/** Every engine: one that is new gets its line here. */
export const ENGINES: readonly [BackEnd, ...BackEnd[]] = [
  onEngine('onnx'),
  onEngine('openvino'),
  onEngine('tfjs'),
]

/** Every back end that must agree with PyTorch. */
export const BACK_ENDS: readonly BackEnd[] = [reference('float32'), ...ENGINES]

/** Weights that are drawn or read once: with large ones that takes longer than to compute. */
export function kept(weights: Weights): Weights {
  const read = new Map<string, HostTensor>()
  return {
    names: weights.names,
    shape: (name) => weights.shape(name),
    read(name) {
      const tensor = read.get(name) ?? weights.read(name)
      read.set(name, tensor)
      return tensor
    },
  }
}

/** An input of a graph by its name. */
export function given<X>(inputs: Readonly<Record<string, X>>, name: string): X {
  const value = inputs[name]
  if (value === undefined) throw new TypeError(`the graph was given no ${name}`)
  return value
}
