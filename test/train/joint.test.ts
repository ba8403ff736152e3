import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DataItem } from '../../src/datasets/dataset.js'
import { loadLibrary } from '../../src/engine/tfjs/library.js'
import type { Gradients } from '../../src/train/gradients.js'
import { assemble, type Subject, tokenised } from '../../src/train/on-data/batch.js'
import { readDataConfig } from '../../src/train/on-data/config.js'
import { jointGradients } from '../../src/train/on-data/joint.js'
import { startFrom } from '../../src/train/on-data/start.js'
import { dataGradients } from '../../src/train/on-data/step.js'
import { folderWith } from '../config/folder.js'

const CAPTIONS = [
  'a red star',
  'a blue heart moving left',
  'a red star',
  'two things coming together',
  'a moon',
  'a box',
]

for (const [what, frozen] of [
  ['all of it', []],
  ['the branch alone', ['vision_model*', 'text_*', 'visual_projection*', 'logit_scale']],
] as const)
  test(`captions in parts are told from all clips of the step, as in one batch: ${what} trained`, async (t) => {
    const tf = loadLibrary('@tensorflow/tfjs-node', { device: 'cpu', threads: 1 })
    const folder = await folderWith(t, {
      'train.yaml': `
frames: 2
model: { from: default, structure: stan-conv }
data: { kind: table, place: a.csv }
steps: 1
batch: 2
rate: 0.001
`,
    })
    const { net, tokenizer, parameters } = startFrom(await readDataConfig(join(folder, 'train.yaml')))
    const { size } = net.config.vision
    const clipBytes = 2 * size * size * 3
    // One caption is said of two clips, which lie in different parts.
    const drawn = CAPTIONS.map((text, n) => {
      const item: DataItem = { id: `${n}`, path: `/${n}`, captions: [text] }
      return { item, text, request: { path: item.path } }
    })
    const pixels = Uint8Array.from(
      { length: CAPTIONS.length * clipBytes },
      (_, i) => (i * i * 31 + i * 7) % 251,
    )
    const subject: Subject = { objective: 'captions', classes: [], classOf: () => undefined }
    const partOf = (from: number, to: number) => ({
      batch: assemble(
        drawn.slice(from, to),
        { pixels: pixels.slice(from * clipBytes, to * clipBytes), failed: [] },
        subject,
        (texts) => tokenised(tokenizer, texts, 32),
        undefined,
      ),
      trained: [...parameters.keys()].filter(
        (name) => !frozen.some((pattern) => name.startsWith(pattern.replace('*', ''))),
      ),
      noise: { dropout: 0, dropPath: 0, seed: 'none' },
    })
    // One part has both the same noise, in each of its two passes.
    const noisy = { ...partOf(0, 4), noise: { dropout: 0.3, dropPath: 0.5, seed: 'some' } }
    const wholes = [partOf(0, 6), noisy].map((part) => dataGradients(tf, net, parameters, part))
    const before = tf.memory().numTensors
    const joint = [[partOf(0, 2), partOf(2, 4), partOf(4, 6)], [noisy]].map((parts) =>
      jointGradients(tf, net, parameters, parts),
    )
    assert.equal(tf.memory().numTensors, before)
    for (const [n, whole] of wholes.entries()) {
      const parts = joint[n] as Gradients
      assert.ok(Math.abs(parts.loss - whole.loss) < 1e-4, `${parts.loss}, not ${whole.loss}`)
      assert.deepEqual([...parts.gradients.keys()], [...whole.gradients.keys()])
      const all = Math.hypot(...[...whole.gradients.values()].map(lengthOf))
      const apart = [...whole.gradients].map(([name, expected]) => {
        const given = parts.gradients.get(name) as Float32Array
        return lengthOf(expected.map((x, i) => x - (given[i] as number))) / all
      })
      t.diagnostic(`furthest gradient: ${Math.max(...apart)} of the length of all`)
      assert.ok(Math.max(...apart) < 1e-4)
    }
  })

const lengthOf = (numbers: Float32Array): number => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0))
