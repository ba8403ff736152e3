import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Tensor, TfjsAlgebra } from '../../src/engine/tfjs/algebra.js'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import { see } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'
import { clipShapes } from '../../src/model/shapes.js'
import { STRUCTURE_NAMES } from '../../src/model/temporal/structures.js'
import { maxDifference } from '../support/fixtures.js'

describe('the algebra in TensorFlow.js', () => {
  const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })
  const g = new TfjsAlgebra(tf, new Map())
  const random = (shape: number[], seed: number): Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed)
  const values = (x: Tensor): Float32Array => x.dataSync() as Float32Array

  test('the gradient of its layer norm is that of the steps', () => {
    const [x, scale, shift, weigh] = [
      random([3, 5, 16], 1),
      random([16], 2),
      random([16], 3),
      random([16], 4),
    ]
    const steps = (input: Tensor, gain: Tensor, bias: Tensor): Tensor => {
      const centred = tf.sub(input, tf.mean(input, -1, true))
      const deviation = tf.sqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5))
      return tf.add(tf.mul(tf.div(centred, deviation), gain), bias)
    }
    const through = (norm: typeof steps): Tensor[] =>
      tf.grads((...given: Tensor[]) => {
        const [input, gain, bias] = given as [Tensor, Tensor, Tensor]
        return tf.sum(tf.mul(tf.square(norm(input, gain, bias)), weigh as Tensor))
      })([x, scale, shift])
    const expected = through(steps)
    for (const [n, gradient] of through((a, b, c) => g.layerNorm(a, b, c, 1e-5)).entries())
      assert.ok(maxDifference(values(gradient), values(expected[n] as Tensor)) < 1e-4)
  })

  test('the gradient of a tile adds up the copies', () => {
    const [x, weigh] = [random([2, 1, 3], 1), random([4, 5, 6], 2)]
    const gradient = (tile: (input: Tensor) => Tensor): Float32Array =>
      values(tf.grad((input: Tensor) => tf.sum(tf.mul(tile(input), weigh)))(x))
    const expected = gradient((input) => tf.tile(input, [2, 5, 2]))
    assert.ok(
      maxDifference(
        gradient((input) => g.tile(input, [2, 5, 2])),
        expected,
      ) < 1e-5,
    )
  })

  for (const structure of STRUCTURE_NAMES) {
    test(`every weight of ${structure} has a gradient`, () => {
      const model = openModel({ model: 'random:small', structure })
      const { config, weights, structure: temporal } = model
      const names = [
        ...[...clipShapes(config).keys()].filter((name) => /^vision_model|^visual_projection/.test(name)),
        ...temporal.shapes(config, temporal.depth(weights.names), weights.names).keys(),
      ]
      const variables = new Map(
        names.map((name) => {
          const { shape, data } = weights.read(name)
          return [name, tf.variable(tf.tensor(data, [...shape], 'float32'))] as const
        }),
      )
      const pixels = random([4, config.vision.size, config.vision.size, 3], 1)
      const loss = (): Tensor => {
        const graph = new TfjsAlgebra(tf, variables)
        const vision = see(graph, model, pixels, 'normalised', 4)
        const { video } = temporal.forward(graph, config, vision, 4)
        return tf.sum(tf.square(tf.sub(video, random(video.shape, 2))))
      }
      const { grads } = tf.variableGrads(() => loss().asScalar(), [...variables.values()])
      for (const [name, { name: id }] of variables) {
        assert.ok(grads[id], `none for ${name}`)
        const gradient = values(grads[id] as Tensor)
        assert.ok(gradient.every(Number.isFinite), name)
        // A key's bias moves all scores alike, which softmax does not see.
        if (!name.endsWith('k_proj.bias'))
          assert.ok(
            gradient.some((x) => x !== 0),
            name,
          )
      }
      tf.dispose([...variables.values()])
    })
  }

  test('a weight that is not there is named', () => {
    assert.throws(() => g.weight('no.such.tensor'), { code: 'MODEL_WEIGHTS', message: /no\.such\.tensor/ })
  })
})
