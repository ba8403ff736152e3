import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Weights } from '../../model/algebra.js'
import type { ModelGraph } from '../../model/graphs.js'
import { buildGraph, floatLinear, type LinearStyle, OnnxEmitter, type Value } from '../onnx/emitter.js'
import { ActivationStats } from './stats.js'

/** Rows of each layer's input that one run gives out. */
const ROWS_PER_RUN = 640

/** Linear layers that read the same activations. */
export interface Observed {
  /** Names of their weights. */
  readonly layers: readonly string[]
  /** The activations come from a norm, which can take up a gain. */
  readonly normed: boolean
  readonly stats: ActivationStats
}

interface Group {
  readonly layers: string[]
  readonly x: Value
  readonly width: number
}

/** A graph in float32 that gives out what goes into its linear layers. */
export class Observer {
  readonly observed: readonly Observed[]
  readonly #session: InferenceSession

  private constructor(session: InferenceSession, observed: readonly Observed[]) {
    this.#session = session
    this.observed = observed
  }

  /** `rows`: tokens in a run, of which some are looked at. */
  static async open(graph: ModelGraph, weights: Weights, rows: number, threads: number): Promise<Observer> {
    const groups = new Map<string, Group>()
    const record: LinearStyle = (g, layer) => {
      const { name, x } = layer
      const width = weights.shape(name)?.[1] as number
      const group = groups.get(x.name) ?? { layers: [], x, width }
      group.layers.push(name)
      groups.set(x.name, group)
      return floatLinear(g, layer)
    }
    const g = new OnnxEmitter(weights, { linear: record })
    const outputs = buildGraph(g, graph)
    const step = stride(rows)
    const all = [...groups.values()]
    const samples = all.map(({ x, width }, n) => {
      const flat = g.reshape(x, [-1, width])
      const [from, to, axis, by] = [[0], [Number.MAX_SAFE_INTEGER], [0], [step]].map((v) => g.integers(v))
      const value = g.node('Slice', [flat, from, to, axis, by] as Value[])
      return [`sample:${n}`, { value, shape: [`rows:${n}`, width] }] as const
    })
    const bytes = g.emit(graph.name, { ...outputs, ...Object.fromEntries(samples) })
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: threads })
    const observed = all.map(({ layers, x, width }) => {
      return { layers, normed: x.node?.op === 'LayerNormalization', stats: new ActivationStats(width) }
    })
    return new Observer(session, observed)
  }

  /** Looks at one clip, `[T, S, S, 3]`. */
  async look(pixels: Uint8Array, shape: readonly number[]): Promise<void> {
    const results = await this.#session.run({ pixels: new Tensor('uint8', pixels, shape) })
    for (const [n, { stats }] of this.observed.entries())
      stats.add(results[`sample:${n}`]?.data as Float32Array)
  }

  release(): Promise<void> {
    return this.#session.release()
  }
}

/** A step through `rows` rows that keeps to the bound and, being odd, does not only meet rows of one kind. */
function stride(rows: number): number {
  const least = Math.ceil(rows / ROWS_PER_RUN)
  return least % 2 === 0 ? least + 1 : least
}
