import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Tensor, TfjsAlgebra } from '../../src/engine/tfjs/algebra.js'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import { clipText, clipVision } from '../../src/model/clip.js'
import { parseClipConfig } from '../../src/model/config.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { mergeWeights } from '../../src/model/load.js'
import { stanSelf } from '../../src/model/temporal/stan-self.js'
import { nceLoss, pairLoss } from '../../src/train/loss.js'
import { channelsLast, fixture, fixtureJson, goldens, maxDifference } from '../support/fixtures.js'

const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })
const golden = goldens()
const config = parseClipConfig(fixtureJson('tiny/config.json'), 'tiny')

/** Every weight of CLIP with STAN, as something that can be trained. */
function variables() {
  const branch = openSafetensors(fixture('tiny/stan-self.safetensors'))
  const weights = mergeWeights(branch, openSafetensors(fixture('tiny/model.safetensors')))
  return new Map(
    [...weights.names].map((name) => {
      const { shape, data } = weights.read(name)
      return [name, tf.variable(tf.tensor(data, [...shape], 'float32'))] as const
    }),
  )
}

/** The loss over the goldens' two videos and their texts, as a function of the weights. */
function goldenLoss(g: TfjsAlgebra): Tensor {
  const pixels = golden.read('pixel_values')
  const ids = golden.read('input_ids')
  const [videos, frames, , size] = pixels.shape as [number, number, number, number]
  const length = ids.shape[1] as number
  const rows = Array.from({ length: videos }, (_, n) => ids.data.subarray(n * length, (n + 1) * length))
  const ends = rows.map((row) => row.indexOf(config.text.eosToken))
  const pictures = g.constant({ shape: [videos * frames, size, size, 3], data: channelsLast(pixels) })
  const { video } = stanSelf.forward(g, config, clipVision(g, config.vision, pictures, 'normalised'), frames)
  const tokens = g.constant({
    shape: [videos, length],
    data: Float32Array.from(rows.flatMap((row) => [...row])),
  })
  const eos = g.constant({ shape: [videos], data: Float32Array.from(ends) })
  const { embedding } = clipText(g, config, tokens, eos, length)
  return nceLoss(tf, embedding, video, 10)
}

type Variable = ReturnType<typeof tf.variable>

describe('symmetric NCE', () => {
  test('through CLIP and STAN it has the value and the gradients that PyTorch gives', (t) => {
    const prefix = 'train.grad.'
    const names = [...golden.names].filter((name) => name.startsWith(prefix))
    assert.ok(names.length >= 7)
    const weights = variables()
    const wanted = names.map((name) => weights.get(name.slice(prefix.length)) as Variable)
    const g = new TfjsAlgebra(tf, weights)
    const { value, grads } = tf.variableGrads(() => goldenLoss(g).asScalar(), wanted)
    assert.ok(maxDifference(value.dataSync() as Float32Array, golden.read('train.nce_loss').data) < 1e-5)
    for (const [n, name] of names.entries()) {
      const expected = golden.read(name).data
      const gradient = grads[(wanted[n] as Variable).name] as Tensor
      // Gradients are small: what counts is the part of the largest that one is off by.
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
      const off = maxDifference(gradient.dataSync() as Float32Array, expected) / largest
      t.diagnostic(`${name}: off by ${off.toExponential(1)} of ${largest.toExponential(1)}`)
      assert.ok(off < 1e-4, `${name} is off by ${off}`)
    }
  })

  test('pairs that are alike and unlike all others cost nothing, and no order of them costs less', () => {
    const rows = tf.eye(4)
    assert.ok((nceLoss(tf, rows, rows, 100).dataSync()[0] as number) < 1e-6)
    const turned = tf.gather(rows, tf.tensor1d([1, 2, 3, 0], 'int32'))
    assert.ok((nceLoss(tf, rows, turned, 100).dataSync()[0] as number) > 99)
    const alike = tf.ones([4, 3])
    assert.ok(Math.abs((nceLoss(tf, alike, alike, 100).dataSync()[0] as number) - Math.log(4)) < 1e-5)
  })
})

describe('NCE of pairs', () => {
  const scores = [
    [2, -1, 0.5],
    [0.3, 1.5, -2],
  ]
  const positive = [
    [1, 0, 1],
    [0, 1, 0],
  ]
  const counted = [
    [1, 0, 1],
    [1, 1, 1],
  ]
  const strange = [
    [1, 2, 3],
    [-1, 0, 1],
  ]
  const known = [
    [1, 1, 0],
    [0, 1, 1],
  ]
  const sum = (values: readonly number[], masks: readonly number[]): number =>
    values.reduce((total, x, i) => total + (masks[i] as number) * Math.exp(x), 0)
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const column = (rows: readonly (readonly number[])[], j: number): number[] =>
    rows.map((row) => row[j] as number)

  /** Row by row and column by column, in double precision. */
  function plain(strangers: boolean): number {
    const rows = scores.map(
      (row, i) => -Math.log(sum(row, positive[i] as number[]) / sum(row, counted[i] as number[])),
    )
    const columns = [0, 1, 2].map((j) => {
      const own = sum(column(scores, j), column(positive, j))
      const more = strangers ? sum(column(strange, j), column(known, j)) : 0
      return -Math.log(own / (sum(column(scores, j), column(counted, j)) + more))
    })
    return (mean(rows) + mean(columns)) / 2
  }

  test('equals the sums written out, several partners and pairs that do not count among them', () => {
    const pairs = { positive: tf.tensor2d(positive), counted: tf.tensor2d(counted) }
    const alone = pairLoss(tf, tf.tensor2d(scores), pairs).dataSync()[0] as number
    assert.ok(Math.abs(alone - plain(false)) < 1e-5, `${alone}, not ${plain(false)}`)
    const strangers = { scores: tf.tensor2d(strange), counted: tf.tensor2d(known) }
    const among = pairLoss(tf, tf.tensor2d(scores), pairs, strangers).dataSync()[0] as number
    assert.ok(Math.abs(among - plain(true)) < 1e-5, `${among}, not ${plain(true)}`)
  })
})
