import assert from 'node:assert/strict'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import type { ClipPixels } from '../../src/engine/engine.js'
import { loadOn } from '../../src/engine/host.js'
import type { Weights } from '../../src/model/algebra.js'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { type ModelGraph, textGraph } from '../../src/model/graphs.js'
import { openModel } from '../../src/model/load.js'

import { asSide } from '../../src/model/similarity/sides.js'
import { SIMILARITIES, SIMILARITY_NAMES } from '../../src/model/similarity/similarities.js'
import { compareVectors, type TextSide, type VideoSide } from '../../src/model/similarity/vectors.js'
import { BACK_ENDS, given, type Inputs, onEngine, reference } from '../support/backends.js'
import { fixture, goldens, maxDifference } from '../support/fixtures.js'
import { tinyModelFolder } from '../support/model-folder.js'

const golden = goldens()
const wtiWeights = openSafetensors(fixture('tiny/wti.safetensors'))

/** Texts and videos by count, parts of each and width. */
interface Sizes {
  readonly A: number
  readonly S: number
  readonly B: number
  readonly T: number
  readonly dim: number
}

/** Every similarity of the same texts and videos. */
function similarityGraph({ A, S, B, T, dim }: Sizes): ModelGraph {
  const port = (input: string, ...shape: readonly number[]) =>
    ({ name: input, type: 'float32', shape }) as const
  return {
    name: 'similarities',
    inputs: [
      port('text', A, dim),
      port('tokens', A, S, dim),
      port('mask', A, S),
      port('video', B, dim),
      port('frames', B, T, dim),
    ],
    outputs: SIMILARITY_NAMES.map((name) => port(name, A, B)),
    build: (g, inputs) => {
      const [whole, parts, mask] = [given(inputs, 'text'), given(inputs, 'tokens'), given(inputs, 'mask')]
      const texts = asSide(g, 'text', { count: A, length: S, whole, parts, mask })
      const video = { whole: given(inputs, 'video'), parts: given(inputs, 'frames') }
      const videos = asSide(g, 'video', { count: B, length: T, ...video })
      return Object.fromEntries(
        SIMILARITY_NAMES.map((name) => [name, SIMILARITIES[name].compare(g, texts, videos)]),
      )
    },
  }
}

const tensor = (name: string) => golden.read(name)
const { shape: idShape, data: ids } = tensor('input_ids')
const [A, S] = idShape as [number, number]
const [B, T, dim] = golden.shape('stan-self.frame_embeds') as [number, number, number]
const EOS = 95
const lengths = Array.from({ length: A }, (_, n) => ids.indexOf(EOS, n * S) - n * S + 1)
const goldenInputs: Inputs = {
  text: tensor('text.text_embeds'),
  tokens: tensor('text.token_embeds'),
  mask: { shape: [A, S], data: maskOf(lengths, S) },
  video: tensor('stan-self.video_embed'),
  frames: tensor('stan-self.frame_embeds'),
}

function maskOf(partCounts: readonly number[], length: number): Float32Array {
  return Float32Array.from(partCounts.flatMap((n) => Array.from({ length }, (_, i) => (i < n ? 1 : 0))))
}

describe('similarities equal PyTorch', () => {
  for (const backEnd of BACK_ENDS) {
    test(`by ${backEnd.name}`, async () => {
      const actual = await backEnd.run(similarityGraph({ A, S, B, T, dim }), wtiWeights, goldenInputs)
      for (const name of SIMILARITY_NAMES) {
        const expected = tensor(`similarity.${name}`).data
        assert.ok(maxDifference(actual[name] as Float32Array, expected) <= 1e-5, name)
      }
    })
  }
})

const unit = (row: Float32Array): Float32Array => {
  const norm = Math.hypot(...row)
  return row.map((x) => x / norm)
}
const softmax = (scores: readonly number[]): Float32Array => {
  const powers = scores.map((score) => Math.exp(score))
  const total = powers.reduce((a, b) => a + b)
  return Float32Array.from(powers, (power) => power / total)
}

const rowsOf = (data: Float32Array, width: number): Float32Array[] =>
  Array.from({ length: data.length / width }, (_, n) => data.subarray(n * width, (n + 1) * width))

/** Parts of any length as vectors in memory, weighed by a layer of `wti` (whose bias no softmax minds). */
function weighed(parts: Float32Array, layer: Float32Array) {
  const rows = rowsOf(parts, layer.length)
  const scores = rows.map((row) => row.reduce((sum, x, i) => sum + x * (layer[i] as number), 0))
  return { parts: Float32Array.from(rows.flatMap((row) => [...unit(row)])), weights: softmax(scores) }
}

const videoOf = (raw: Float32Array, layer: Float32Array): VideoSide => {
  const { parts, weights } = weighed(raw, layer)
  return { video: new Float32Array(layer.length), frames: parts, weights }
}

/** Random texts and videos, as a graph takes them and as vectors in memory. */
function sample(sizes: Sizes, counts: readonly number[], seed: number) {
  let state = seed
  const draw = (length: number): Float32Array =>
    Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 31 - 1
    })
  const { A: texts, S: length, B: videos, T: frames, dim: width } = sizes
  const weights: Weights = fixedWeights({
    'text_weight_fc.weight': draw(width),
    'text_weight_fc.bias': draw(1),
    'video_weight_fc.weight': draw(width),
    'video_weight_fc.bias': draw(1),
  })
  const inputs = {
    text: { shape: [texts, width], data: draw(texts * width) },
    tokens: { shape: [texts, length, width], data: draw(texts * length * width) },
    mask: { shape: [texts, length], data: maskOf(counts, length) },
    video: { shape: [videos, width], data: draw(videos * width) },
    frames: { shape: [videos, frames, width], data: draw(videos * frames * width) },
  }
  const layer = (side: string): Float32Array => weights.read(`${side}_weight_fc.weight`).data
  const wholes = (data: Float32Array): Float32Array[] => rowsOf(data, width).map(unit)
  const tokens = rowsOf(inputs.tokens.data, length * width)
  return {
    weights,
    inputs,
    texts: wholes(inputs.text.data).map((text, n): TextSide => {
      const own = weighed((tokens[n] as Float32Array).subarray(0, (counts[n] ?? 0) * width), layer('text'))
      return { text, tokens: own.parts, weights: own.weights }
    }),
    videos: rowsOf(inputs.frames.data, frames * width).map((raw, n): VideoSide => {
      return { ...videoOf(raw, layer('video')), video: wholes(inputs.video.data)[n] as Float32Array }
    }),
  }
}

function fixedWeights(tensors: Readonly<Record<string, Float32Array>>): Weights {
  const shape = (name: string) => (name.endsWith('bias') ? [1] : [1, tensors[name]?.length ?? 0])
  return {
    names: new Set(Object.keys(tensors)),
    shape,
    read: (name) => ({ shape: shape(name), data: tensors[name] as Float32Array }),
  }
}

const side = fc.integer({ min: 1, max: 4 })
const cases = fc
  .record({ A: side, S: side, B: side, T: side, dim: fc.integer({ min: 2, max: 6 }) })
  .chain((sizes) =>
    fc.record({
      sizes: fc.constant(sizes),
      counts: fc.array(fc.integer({ min: 1, max: sizes.S }), { minLength: sizes.A, maxLength: sizes.A }),
      seed: fc.nat(),
    }),
  )

describe('vectors in memory', () => {
  test("are as alike as in the model's algebra, whatever the sizes and the padding", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes, counts, seed }) => {
        const { weights, inputs, texts, videos } = sample(sizes, counts, seed)
        const expected = await reference('float64').run(similarityGraph(sizes), weights, inputs)
        for (const name of SIMILARITY_NAMES) {
          const direct = compareVectors(name, texts, videos, { paddedTo: sizes.S })
          assert.ok(maxDifference(direct, expected[name] as Float32Array) < 1e-5, name)
        }
      }),
    )
  })

  test('wti without weights is refused', () => {
    const [text, video] = [Float32Array.of(1), Float32Array.of(1)]
    assert.throws(
      () => compareVectors('wti', [{ text, tokens: text }], [{ video, frames: video }]),
      /text_weight_fc/,
    )
  })
})

describe('a model that was trained with wti', async () => {
  const folder = await tinyModelFolder({ branch: false })
  after(() => rm(folder, { recursive: true, force: true }))
  await copyFile(fixture('tiny/wti.safetensors'), join(folder, 'branch.safetensors'))

  test('gives every frame its weight, and clips keep theirs in batches', async () => {
    const model = await loadOn({
      engine: 'onnx',
      device: 'cpu',
      precision: 'fp32',
      model: folder,
      structure: 'mean',
      frames: 3,
    })
    try {
      const clips = Array.from({ length: 40 }, (_, n): ClipPixels => clip(n))
      const encoded = await model.encodeClips(clips)
      for (const { weights } of encoded) {
        assert.equal(weights?.length, 3)
        assert.ok(Math.abs((weights?.reduce((a, b) => a + b, 0) ?? 0) - 1) < 1e-5)
      }
      const [alone] = await model.encodeClips(clips.slice(39))
      assert.ok(maxDifference(alone?.weights as Float32Array, encoded[39]?.weights as Float32Array) < 1e-5)
      assert.ok(maxDifference(alone?.weights as Float32Array, encoded[0]?.weights as Float32Array) > 1e-4)
    } finally {
      await model.close()
    }
  })

  test('gives every token its weight: with them texts are as alike to videos as in PyTorch', async () => {
    const model = openModel({ model: folder, structure: 'mean' })
    const encoded = await onEngine('onnx').run(textGraph(model, S), model.weights, {
      ids: { shape: [A, S], data: Int32Array.from(ids) },
      eos: { shape: [A], data: Int32Array.from(lengths, (length) => length - 1) },
    })
    const part = (output: string, n: number, from: number, to: number): Float32Array =>
      (encoded[output] as Float32Array).subarray(n * S * dim + from, n * S * dim + to)
    const texts = lengths.map((length, n): TextSide => {
      const scores = (encoded.scores as Float32Array).subarray(n * S, n * S + length)
      return {
        text: new Float32Array(dim),
        tokens: part('tokens', n, 0, length * dim),
        weights: softmax([...scores]),
      }
    })
    const frames = tensor('stan-self.frame_embeds').data
    const layer = wtiWeights.read('video_weight_fc.weight').data
    const videos = Array.from({ length: B }, (_, n) =>
      videoOf(frames.subarray(n * T * dim, (n + 1) * T * dim), layer),
    )
    const similarity = compareVectors('wti', texts, videos, { paddedTo: S })
    assert.ok(maxDifference(similarity, tensor('similarity.wti').data) <= 1e-5)
  })

  const clip = (seed: number): ClipPixels => ({
    frames: Array.from({ length: 3 }, (_, t) => ({
      pixels: Uint8Array.from(
        { length: 48 * 48 * 3 },
        (_, i) => (i * (seed + 3) + t * 37 + ((i * i) >> 7)) % 256,
      ),
    })),
  })
})
