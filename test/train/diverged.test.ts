import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeScenes } from '../../pipelines/scenes.js'
import { StanflowError } from '../../src/errors.js'
import { adamw } from '../../src/train/adamw.js'
import { readCheckpoint } from '../../src/train/checkpoint.js'
import { MeanGradients } from '../../src/train/gradients.js'
import { readLog } from '../../src/train/log.js'
import { parameter } from '../../src/train/parameters.js'
import { folderWith } from '../config/folder.js'
import { cli } from '../support/cli.js'
import { TINY } from './tiny.js'

const diverged = (error: unknown): boolean =>
  error instanceof StanflowError && error.code === 'TRAIN_DIVERGED' && /[Ll]ower the rate/.test(error.hint)

test('a gradient or a loss that is not finite ends the step before anything is changed', () => {
  const settings = { betas: [0.9, 0.98], weightDecay: 0.1, clip: 5 } as const
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const one = parameter([2], Float32Array.of(1, 2))
    const step = () =>
      adamw(
        new Map([['w', one]]),
        new Map([['w', Float32Array.of(0.5, bad)]]),
        new Map([['w', 1]]),
        0,
        settings,
      )
    assert.throws(step, diverged)
    assert.deepEqual([...one.value, ...one.first, ...one.second], [1, 2, 0, 0, 0, 0])
    const gradients = new Map<string, Float32Array>()
    assert.throws(() => new MeanGradients(1).add({ loss: bad, parts: {}, gradients }), diverged)
  }
})

/** A run that is well at first, whose second sitting has a rate that no weights outlive. */
const SCENES = `
threads: 1
frames: 2
${TINY}
data: { train: 60, validation: 6, side: 48 }
validate-every: 1
stages:
  - { name: calm, kind: clips, steps: 2, batch: 2, rate: 0.001 }
  - { name: wild, kind: clips, steps: 6, batch: 2, rate: 1.0e+20, warmup: 0 }
`

test('a run on scenes that diverges ends with its code; checkpoint, best and log hold numbers only', async (t) => {
  const folder = await folderWith(t, { 'train.yaml': SCENES })
  const to = join(folder, 'run')
  const { code, stderr } = await cli(['train', '--config', join(folder, 'train.yaml'), '--to', to])
  assert.equal(code, 1, stderr)
  assert.match(stderr, /error TRAIN_DIVERGED: The run has diverged: .*\nhint: Lower the rate/)
  await holdsNumbersOnly(to)
  const best = readCheckpoint(join(to, 'best.safetensors'))
  assert.ok((best?.position.total ?? 9) <= 2, `best of step ${best?.position.total}`)
})

test('so does a run on a data set', async (t) => {
  const folder = await folderWith(t)
  const scenes = join(folder, 'scenes')
  await writeScenes({ task: 'motion', split: 'train', seed: 2, count: 8, side: 80, to: scenes })
  const config = `
threads: 1
frames: 2
model: { from: default, structure: stan-conv }
data: { kind: table, place: ${join(scenes, 'captions.jsonl')}, split: all, reader: node-av, validation: { most: 4 } }
objective: captions
steps: 4
batch: 4
warmup: 0
rate: 1.0e+20
groups: [['*', 1]]
validate-every: 1
`
  const file = join(folder, 'train.yaml')
  const to = join(folder, 'run')
  await writeFile(file, config)
  const wild = await cli(['train', '--config', file, '--to', to])
  assert.equal(wild.code, 1, wild.stderr)
  assert.match(wild.stderr, /error TRAIN_DIVERGED/)
  // Its first update was too much: there is nothing that is worth a file.
  for (const name of ['checkpoint.safetensors', 'best.safetensors', 'model'])
    assert.equal(existsSync(join(to, name)), false, name)
  await holdsNumbersOnly(to)
})

async function holdsNumbersOnly(to: string): Promise<void> {
  const lines = readLog(join(to, 'log.jsonl'))
  for (const { loss, gradient } of lines.slice(0, -1))
    assert.ok(Number.isFinite(loss) && Number.isFinite(gradient))
  // The step that ended it: a gap in the plot.
  assert.equal(lines.at(-1)?.loss, null)
  for (const name of ['checkpoint', 'best']) {
    const path = join(to, `${name}.safetensors`)
    if (!existsSync(path)) continue
    for (const [tensor, { value }] of readCheckpoint(path)?.parameters ?? [])
      assert.ok(value.every(Number.isFinite), `${name} ${tensor}`)
  }
}
