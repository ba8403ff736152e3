import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { StanflowError } from '../../src/errors.js'
import { branchGraph, canSplit, trunkGraph, videoGraph } from '../../src/model/graphs.js'
import { type OpenModel, openModel, openStandIn } from '../../src/model/load.js'
import { clipShapes } from '../../src/model/shapes.js'
import { chooseStructure, STRUCTURE_NAMES, structureNamed } from '../../src/model/temporal/structures.js'
import { type Inputs, onEngine } from '../support/backends.js'
import { maxDifference } from '../support/fixtures.js'

const onnx = onEngine('onnx')

/** Small CLIPs of odd sizes: layers, depth, and patches along a side. */
interface Size {
  readonly layers: number
  readonly depth: number
  readonly grid: number
  readonly patch: number
  readonly heads: number
}

function small(structure: string, { layers, depth, grid, patch, heads }: Size): OpenModel {
  const text_config = {
    hidden_size: 16,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    vocab_size: 8,
  }
  const vision_config = {
    hidden_size: 8 * heads,
    intermediate_size: 24,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    patch_size: patch,
    image_size: grid * patch,
  }
  const config = { projection_dim: 20, vision_config, text_config }
  return openStandIn(`small ${structure}`, structure, { config, depth })
}

const sizes = fc
  .record({
    layers: fc.integer({ min: 1, max: 5 }),
    depth: fc.integer({ min: 1, max: 5 }),
    grid: fc.integer({ min: 1, max: 5 }),
    patch: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 4 }),
  })
  .map((size) => ({ ...size, depth: Math.min(size.depth, size.layers) }))
const frameCounts = fc.oneof(fc.constant(1), fc.constant(64), fc.integer({ min: 2, max: 13 }))

/** Pictures of `count` frames, each its own. */
function pictures({ config }: OpenModel, count: number, seed = 1): { shape: number[]; data: Uint8Array } {
  const { size } = config.vision
  const data = Uint8Array.from(
    { length: count * size * size * 3 },
    (_, i) => ((i + seed) * 2654435761) >>> 24,
  )
  return { shape: [count, size, size, 3], data }
}

const video = (model: OpenModel, frames: number, inputs: Inputs) =>
  onnx.run(videoGraph(model, frames), model.weights, inputs)

for (const name of STRUCTURE_NAMES) {
  describe(`${name}, at any size`, () => {
    test('from 1 to 64 frames, at any depth, of any grid: clips of a batch do not know each other', async () => {
      await fc.assert(
        fc.asyncProperty(sizes, frameCounts, async (size, frames) => {
          const model = small(name, size)
          const both = pictures(model, 2 * frames)
          const { embedding, frames: parts } = await video(model, frames, { pixels: both })
          assert.equal(embedding?.length, 2 * 20)
          assert.equal(parts?.length, 2 * frames * 20)
          const second = {
            shape: [frames, ...both.shape.slice(1)],
            data: both.data.subarray(both.data.length / 2),
          }
          const alone = await video(model, frames, { pixels: second })
          assert.ok(maxDifference(alone.embedding as Float32Array, embedding.subarray(20)) < 1e-5)
          assert.ok(maxDifference(alone.frames as Float32Array, parts.subarray(frames * 20)) < 1e-5)
        }),
        { numRuns: 12 },
      )
    })

    test('trunk and branch give what the whole gives, where CLIP is left as it is', async (t) => {
      if (!canSplit(small(name, { layers: 2, depth: 1, grid: 1, patch: 1, heads: 1 }))) {
        assert.equal(name, 'intermediate')
        return t.diagnostic('works inside CLIP: there is no trunk without it')
      }
      await fc.assert(
        fc.asyncProperty(sizes, frameCounts, async (size, frames) => {
          const model = small(name, size)
          const pixels = pictures(model, frames)
          const whole = await video(model, frames, { pixels })
          const { features } = await onnx.run(trunkGraph(model), model.weights, { pixels })
          const rows = (features as Float32Array).length / frames / model.config.vision.width
          const branch = await onnx.run(branchGraph(model, frames), model.weights, {
            features: { shape: [frames, rows, model.config.vision.width], data: features as Float32Array },
          })
          for (const output of ['embedding', 'frames'])
            assert.ok(maxDifference(branch[output] as Float32Array, whole[output] as Float32Array) < 1e-5)
        }),
        { numRuns: 8 },
      )
    })

    test('its tensors, and only they, are what it is told by', () => {
      const model = small(name, { layers: 3, depth: 2, grid: 2, patch: 2, heads: 2 })
      assert.equal(chooseStructure('auto', model.weights.names, 'x').name, name)
      const { structure, config } = model
      assert.equal(structure.depth(model.weights.names), name === 'mean' ? 0 : 2)
      const own = structure.shapes(config, 2)
      const clip = clipShapes(config)
      assert.ok([...own.keys()].every((tensor) => !clip.has(tensor)))
      assert.equal(clip.size + own.size, model.weights.names.size)
    })
  })
}

const size: Size = { layers: 3, depth: 2, grid: 2, patch: 2, heads: 2 }

describe('telling structures apart', () => {
  test('with several in one file, STAN goes before what it is compared with, and each can be asked for', () => {
    const all = new Set(STRUCTURE_NAMES.flatMap((name) => [...small(name, size).weights.names]))
    assert.equal(chooseStructure('auto', all, 'x').name, 'stan-self')
    for (const name of STRUCTURE_NAMES) assert.equal(chooseStructure(name, all, 'x').name, name)
    const without = new Set([...all].filter((name) => !name.startsWith('STAN_')))
    assert.equal(chooseStructure('auto', without, 'x').name, 'intermediate')
  })

  test('a structure whose tensors are not there is refused, with what is', () => {
    const { names } = small('posterior', size).weights
    assert.throws(
      () => chooseStructure('stan-conv', names, 'file'),
      (error) => error instanceof StanflowError && /--structure posterior/.test(error.hint),
    )
    assert.throws(() => structureNamed('stan'), /no structure stan/)
    assert.throws(() => openModel({ model: 'random:vit-g', structure: 'auto' }), /no random:vit-g/)
  })

  test('a branch deeper than its CLIP is refused', () => {
    assert.throws(() => small('stan-self', { ...size, depth: 4 }), /4 layers.* CLIP has 3/)
  })
})

test('the layers and patches of L/14 at 224 and 336, on a narrow CLIP', async () => {
  for (const grid of [16, 24]) {
    const model = small('stan-self', { layers: 24, depth: 4, grid, patch: 14, heads: 2 })
    const { embedding } = await video(model, 2, { pixels: pictures(model, 2) })
    assert.ok(Math.abs(Math.hypot(...(embedding as Float32Array)) - 1) < 1e-5)
  }
})

test('every usual CLIP takes every structure', () => {
  // Sizes only: no weight is drawn but the scale.
  const parameters = (model: string, structure: string): number => openModel({ model, structure }).parameters
  for (const model of ['random:vit-b-32', 'random:vit-b-16', 'random:vit-l-14', 'random:vit-l-14-336']) {
    for (const structure of STRUCTURE_NAMES)
      assert.ok(parameters(model, structure) >= parameters(model, 'mean'))
  }
  assert.equal(parameters('random:vit-b-32', 'mean'), 151_277_313)
  assert.equal(parameters('random:vit-l-14', 'mean'), 427_616_513)
})
