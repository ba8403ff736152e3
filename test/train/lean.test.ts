import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Tensor, TfjsAlgebra } from '../../src/engine/tfjs/algebra.js'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import { clipClass, clipVision } from '../../src/model/clip.js'
import { openStandIn } from '../../src/model/load.js'
import { clipShapes } from '../../src/model/shapes.js'
import { maxDifference } from '../support/fixtures.js'

const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })

/** CLIP with a branch of depth 2, and the pixels of two clips of three frames. */
function small(structure: string, trained: RegExp) {
  const side = { hidden_size: 16, intermediate_size: 24, num_attention_heads: 2 }
  const text_config = { ...side, num_hidden_layers: 1, vocab_size: 8 }
  const vision_config = { ...side, num_hidden_layers: 3, patch_size: 4, image_size: 12 }
  const model = openStandIn(`lean ${structure}`, structure, {
    config: { projection_dim: 16, vision_config, text_config },
    depth: 2,
  })
  const names = [
    ...clipShapes(model.config).keys(),
    ...model.structure.shapes(model.config, 2).keys(),
  ].filter((name) => trained.test(name))
  const weights = names.map((name) => {
    const { shape, data } = model.weights.read(name)
    return tf.tensor(data, [...shape], 'float32')
  })
  const pixels = tf.randomUniform([6, 12, 12, 3], 0, 255, 'float32', 1)
  return { model, names, weights, pixels }
}

/** A value of the weights, and its gradients. */
function graded(
  { names, weights }: ReturnType<typeof small>,
  value: (g: TfjsAlgebra) => Tensor,
): Float32Array[] {
  const weigh = tf.randomNormal([6 * 16], 0, 1, 'float32', 2)
  const { value: sum, grads } = tf.valueAndGrads((...given: Tensor[]) => {
    const g = new TfjsAlgebra(tf, new Map(names.map((name, i) => [name, given[i] as Tensor])))
    const flat = tf.reshape(value(g), [-1])
    return tf.sum(tf.mul(flat, tf.slice(weigh, 0, flat.size))) as ReturnType<typeof tf.scalar>
  })(weights)
  return [sum, ...grads].map((x) => x.dataSync() as Float32Array)
}

function same(actual: Float32Array[], expected: Float32Array[], names: readonly string[]): void {
  for (const [i, values] of actual.entries())
    assert.ok(maxDifference(values, expected[i] as Float32Array) < 1e-4, names[i - 1] ?? 'value')
}

describe('what training leaves out', () => {
  test('the class tokens alone, and their gradients, are those of the whole encoder', () => {
    const net = small('stan-conv', /^vision_model.(embed|pre_|encoder)/)
    const { vision } = net.model.config
    same(
      graded(net, (g) => clipClass(g, vision, net.pixels, 'uint8')),
      graded(net, (g) => clipVision(g, vision, net.pixels, 'uint8').cls),
      net.names,
    )
  })

  for (const structure of ['stan-self', 'stan-conv'])
    test(`${structure} without its steps has the same video, class token and gradients`, () => {
      const net = small(structure, /^(vision_|visual_|STAN)/)
      const { config, structure: stan } = net.model
      const whole = (g: TfjsAlgebra, lean: boolean): Tensor => {
        const vision = clipVision(g, config.vision, net.pixels, 'uint8')
        const { video, branchCls, steps } = stan.forward(g, config, vision, 3, { lean })
        const last = lean ? branchCls : g.slice(steps.branch_s_1 as Tensor, 1, 0, 1)
        return tf.concat([tf.reshape(video, [-1]), tf.reshape(last as Tensor, [-1])])
      }
      same(
        graded(net, (g) => whole(g, true)),
        graded(net, (g) => whole(g, false)),
        net.names,
      )
    })
})
