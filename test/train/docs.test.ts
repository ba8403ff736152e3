import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readDataConfig } from '../../src/train/on-data/config.js'
import { folderWith } from '../config/folder.js'

const PAGE = fileURLToPath(new URL('../../../docs/training.md', import.meta.url))

test("the page's example for MSR-VTT is the paper's recipe", async (t) => {
  const page = await readFile(PAGE, 'utf8')
  const [, example = ''] = /```yaml\n(# msrvtt\.yaml[\s\S]*?)```/.exec(page) ?? []
  const folder = await folderWith(t, { 'msrvtt.yaml': example })
  const config = await readDataConfig(join(folder, 'msrvtt.yaml'))
  const { frames, model, batch, accumulate, rate, warmup, groups, optimizer } = config
  assert.deepEqual(
    { frames, structure: model.structure, depth: model.depth, text: model['text-length'] },
    { frames: 12, structure: 'stan-self', depth: 4, text: 32 },
  )
  assert.equal(model.temperature, 0.01)
  assert.equal(batch * accumulate, 128)
  assert.deepEqual([rate, warmup, config['drop-path']], [2e-6, 0.05, 0.1])
  assert.deepEqual(groups, [
    ['logit_scale', 0],
    ['STAN*', 10],
    ['*', 1],
  ])
  assert.deepEqual(optimizer, { betas: [0.9, 0.98], 'weight-decay': 0.02, clip: 5 })
})
