import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import sharp from 'sharp'
import { openSafetensors } from '../../src/model/formats/safetensors.js'
import { readCheckpoint } from '../../src/train/checkpoint.js'
import { toHalf } from '../../src/train/half.js'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli } from '../support/cli.js'
import { TINY } from './tiny.js'

/** The second stage cannot change a score: its rate is too low. */
const RECIPE = `
threads: 1
frames: 2
${TINY}
data: { train: 60, validation: 6, side: 48 }
validate-every: 2
stages:
  - { name: first, kind: clips, steps: 3, batch: 2, rate: 0.01 }
  - { name: idle, kind: clips, steps: 50, batch: 2, rate: 1.0e-12, patience: 2 }
  - { name: last, kind: clips, steps: 1, batch: 2, rate: 1.0e-12 }
`

test('a stage that gets no better ends early, and the model is that of the best validation', async (t) => {
  const folder = await folderWith(t, { 'train.yaml': RECIPE })
  const to = join(folder, 'run')
  const { code, stdout, stderr } = await cli([
    ...['train', '--config', join(folder, 'train.yaml'), '--to', to, '--json'],
    ...['--plot', join(folder, 'curve.png')],
  ])
  assert.equal(code, 0, stderr)
  assert.equal((await sharp(join(folder, 'curve.png')).metadata()).format, 'png')
  const steps = readLog(join(to, 'log.jsonl')).map(({ stage, step }) => `${stage} ${step}`)
  // Its first validation is the best it has had, the next two are no better.
  const idle = [1, 2, 3, 4, 5, 6].map((step) => `idle ${step}`)
  assert.deepEqual(steps, ['first 1', 'first 2', 'first 3', ...idle, 'last 1'])
  const { finished, bestScore } = JSON.parse(stdout)
  assert.ok(finished)

  const best = readCheckpoint(join(to, 'best.safetensors'))
  assert.equal(best?.position.bestScore, bestScore)
  const model = openSafetensors(join(to, 'model', 'model.safetensors'))
  try {
    for (const name of model.names) {
      const chosen = best?.parameters.get(name)?.value
      assert.ok(chosen, name)
      assert.deepEqual(toHalf(Float32Array.from(model.read(name).data)), toHalf(chosen), name)
    }
  } finally {
    model.close()
  }
})
