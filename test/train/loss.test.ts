import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Tensor, TfjsAlgebra } from '../../src/engine/tfjs/algebra.js'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import { clipVision } from '../../src/model/clip.js'
import { parseClipConfig } from '../../src/model/config.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { mergeWeights } from '../../src/model/load.js'
import { stanSelf } from '../../src/model/temporal/stan-self.js'
import { gradientsOf, type TensorsByName } from '../../src/train/gradients.js'
import { divergence, pairLoss } from '../../src/train/loss.js'
import { Forward } from '../../src/train/network.js'
import { branchNoise } from '../../src/train/noise.js'
import { dataLoss } from '../../src/train/on-data/loss.js'
import { type Parameters, parameter } from '../../src/train/parameters.js'
import { channelsLast, fixture, fixtureJson, goldens, maxDifference } from '../support/fixtures.js'

const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu' })
const golden = goldens()
const config = parseClipConfig(fixtureJson('tiny/config.json'), 'tiny')

/** Every weight of CLIP with STAN, at the temperature of the goldens. */
function parameters(): Parameters {
  const branch = openSafetensors(fixture('tiny/stan-self.safetensors'))
  const weights = mergeWeights(branch, openSafetensors(fixture('tiny/model.safetensors')))
  return new Map(
    [...weights.names].map((name) => {
      const { shape, data } = weights.read(name)
      return [
        name,
        parameter(shape, name === 'logit_scale' ? Float32Array.of(Math.log(10)) : Float32Array.from(data)),
      ]
    }),
  )
}

/** The loss that data sets are trained by, over the goldens' two videos and their texts. */
function goldenLoss(weights: TensorsByName): Tensor {
  const pixels = golden.read('pixel_values')
  const ids = golden.read('input_ids')
  const [count, frames, , size] = pixels.shape as [number, number, number, number]
  const length = ids.shape[1] as number
  const rows = Array.from({ length: count }, (_, n) => ids.data.subarray(n * length, (n + 1) * length))
  const eos = Int32Array.from(rows, (row) => row.indexOf(config.text.eosToken))
  const texts = { ids: Int32Array.from(ids.data.subarray(0, count * length)), eos, count, length }
  // The goldens' pixels are normalised already: CLIP's features are handed in, and gradients go through them.
  const g = new TfjsAlgebra(tf, weights)
  const pictures = g.constant({ shape: [count * frames, size, size, 3], data: channelsLast(pixels) })
  const trunk = clipVision(g, config.vision, pictures, 'normalised')
  const positive = Float32Array.from({ length: count ** 2 }, (_, n) => (n % (count + 1) === 0 ? 1 : 0))
  const batch = { pixels: new Uint8Array(), count, captions: { texts, positive, clips: [] } }
  const noise = branchNoise(tf, { dropout: 0, dropPath: 0 }, '')
  return dataLoss(tf, new Forward(tf, { config, structure: stanSelf, frames }, weights), batch, {
    ...{ trunk, noise },
  })
}

describe('the NCE that is trained', () => {
  test('through CLIP and STAN it has the value and the gradients that PyTorch gives', (t) => {
    const prefix = 'train.grad.'
    const names = [...golden.names].filter((name) => name.startsWith(prefix))
    assert.ok(names.length >= 7)
    const trained = names.map((name) => name.slice(prefix.length))
    const lossOf = () => (weights: TensorsByName) => ({ total: goldenLoss(weights), parts: {} })
    const { loss, gradients } = gradientsOf(tf, parameters(), trained, lossOf)
    const [expectedLoss] = golden.read('train.nce_loss').data as Float32Array
    t.diagnostic(`loss ${loss}, ${Math.abs(loss - (expectedLoss as number)).toExponential(1)} off`)
    assert.ok(Math.abs(loss - (expectedLoss as number)) < 1e-5)
    for (const [n, name] of names.entries()) {
      const expected = golden.read(name).data
      // Gradients are small: what counts is the part of the largest that one is off by.
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
      const off = maxDifference(gradients.get(trained[n] as string) as Float32Array, expected) / largest
      t.diagnostic(`${name}: off by ${off.toExponential(1)} of ${largest.toExponential(1)}`)
      assert.ok(off < 1e-4, `${name} is off by ${off}`)
    }
  })

  test('pairs that are alike and unlike all others cost nothing, and no order of them costs less', () => {
    const rows = tf.eye(4)
    const nce = (texts: Tensor, videos: Tensor): number => {
      const pairs = { positive: tf.eye(4), counted: tf.ones([4, 4]) }
      return pairLoss(tf, tf.mul(tf.matMul(texts, videos, false, true), 100), pairs).dataSync()[0] as number
    }
    assert.ok(nce(rows, rows) < 1e-6)
    assert.ok(nce(rows, tf.gather(rows, tf.tensor1d([1, 2, 3, 0], 'int32'))) > 99)
    const alike = tf.ones([4, 3])
    assert.ok(Math.abs(nce(alike, alike) - Math.log(4)) < 1e-5)
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

test('the divergence of softmaxes equals the sum written out, and is 0 where they agree', () => {
  const said = [
    [0.7, 0.2, 0.1],
    [0, 0.5, 0.5],
  ]
  const logits = [
    [1, 0, -1],
    [0.5, 2, 3],
  ]
  const plain = said.map((row, i) => {
    const scores = logits[i] as number[]
    const all = scores.reduce((sum, x) => sum + Math.exp(x), 0)
    return row.reduce((sum, p, k) => {
      const q = Math.exp(scores[k] as number) / all
      return p === 0 ? sum : sum + p * Math.log(p / q)
    }, 0)
  })
  const expected = ((plain[0] as number) + (plain[1] as number)) / 2
  const found = divergence(tf, tf.tensor2d(said), tf.tensor2d(logits)).dataSync()[0] as number
  assert.ok(Math.abs(found - expected) < 1e-5, `${found}, not ${expected}`)
  const own = divergence(tf, tf.softmax(tf.tensor2d(logits)), tf.tensor2d(logits)).dataSync()[0] as number
  assert.ok(Math.abs(own) < 1e-6, `${own}`)
})
