import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ModelGraph, textGraph, videoGraph } from '../../src/model/graphs.js'
import { mergeWeights, openModel } from '../../src/model/load.js'
import { STRUCTURE_NAMES } from '../../src/model/temporal/structures.js'
import { ENGINES, type Inputs, kept } from '../support/backends.js'
import { maxDifference } from '../support/fixtures.js'

// Few frames are enough: the sizes that rounding grows with are the model's.

const TOLERANCE = 1e-4
const FRAMES = 3
const LENGTH = 32

test('every structure and the text tower, at the size of ViT-B/32: all engines give the same vectors', async (t) => {
  const models = STRUCTURE_NAMES.map((structure) => openModel({ model: 'random:vit-b-32', structure }))
  const [first] = models as [(typeof models)[number]]
  // One graph of everything: to take a CLIP in costs an engine more than to run it. Tensors of one name are the same.
  const weights = kept(models.map((model) => model.weights).reduce(mergeWeights))
  const parts = [
    ...models.map((model) => [model.structure.name, videoGraph(model, FRAMES)] as const),
    ['text', textGraph(first, LENGTH)] as const,
  ]
  const graph: ModelGraph = {
    name: 'everything',
    inputs: [videoGraph(first, FRAMES), textGraph(first, LENGTH)].flatMap(({ inputs }) => inputs),
    outputs: parts.flatMap(([part, { outputs }]) =>
      outputs.map((port) => ({ ...port, name: `${part}.${port.name}` })),
    ),
    build: (g, inputs) =>
      Object.fromEntries(
        parts.flatMap(([part, { build }]) =>
          Object.entries(build(g, inputs)).map(([output, x]) => [`${part}.${output}`, x]),
        ),
      ),
  }
  const data = Uint8Array.from({ length: FRAMES * 224 * 224 * 3 }, (_, i) => (i * 7 + ((i * i) >> 9)) % 256)
  const texts = ['a red ball', 'two dogs run along the beach at sunset']
  const { ids, eos } = first.tokenizer.open().batch(texts, LENGTH)
  const inputs: Inputs = {
    pixels: { shape: [FRAMES, 224, 224, 3], data },
    ids: { shape: [texts.length, LENGTH], data: ids },
    eos: { shape: [texts.length], data: eos },
  }

  const [reference, ...others] = ENGINES
  const expected = await reference.run(graph, weights, inputs)
  assert.equal(Object.keys(expected).length, 2 * (STRUCTURE_NAMES.length + 1))
  for (const engine of others) {
    const given = await engine.run(graph, weights, inputs)
    for (const [output, values] of Object.entries(expected)) {
      const difference = maxDifference(given[output] as Float32Array, values)
      t.diagnostic(`${output}, ${engine.name}: off by ${difference.toExponential(1)}`)
      assert.ok(difference <= TOLERANCE, `${output} of ${engine.name} is off by ${difference}`)
    }
  }
})
