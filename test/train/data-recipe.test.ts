import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DataItem, DataSet } from '../../src/datasets/dataset.js'
import { type DataTrainConfig, readDataConfig } from '../../src/train/on-data/config.js'
import { differences, recipeOf } from '../../src/train/on-data/recipe.js'
import { folderWith } from '../config/folder.js'

const set = (root: string, more: Partial<DataSet> = {}): DataSet => ({
  ...{ kind: 'msrvtt', title: 'MSR-VTT', split: 'train', missing: [] },
  items: ['a', 'b'].map((id): DataItem => ({ id, path: `${root}/${id}.mp4`, captions: [`caption ${id}`] })),
  ...more,
})

test('a run goes on where its videos have moved and decoding is set otherwise, and not with another curve', async (t) => {
  const folder = await folderWith(t, {
    'train.yaml': `
model: { from: default }
data: { kind: msrvtt, place: /one/msrvtt, root: /one/videos }
steps: 10
batch: 2
rate: 0.001
`,
  })
  const config = await readDataConfig(join(folder, 'train.yaml'))
  const [training, validation] = [set('/one/videos'), set('/one/videos', { split: 'test' })]
  const recipe = recipeOf({ config, training, validation, from: 'digest' })
  const differing = (
    changed: Partial<DataTrainConfig>,
    { items = training, from = 'digest' }: { items?: DataSet; from?: string } = {},
  ) => differences(recipe, recipeOf({ config: { ...config, ...changed }, training: items, validation, from }))

  const { data, model, optimizer } = config
  const moved = {
    ...data,
    place: '/two/msrvtt',
    root: '/two/videos',
    concurrency: 7,
    reader: 'ffmpeg',
  } as const
  assert.deepEqual(differing({ data: moved }, { items: set('/two/videos') }), [])
  assert.deepEqual(differing({ model: { ...model, from: 'runs/copy/model' } }), [])
  assert.deepEqual(
    differing({ threads: 2, device: 'cuda', 'validate-every': 7, 'checkpoint-seconds': 9, patience: 3 }),
    [],
  )

  const others: Partial<DataTrainConfig> = {
    ...{ seed: 2, frames: 8, objective: 'classes', steps: 11, batch: 3, accumulate: 2, rate: 0.002 },
    ...{ warmup: 0.2, groups: [['*', 1]], crop: 0.5, flip: true, dropout: 0.1, 'drop-path': 0.1 },
    optimizer: { ...optimizer, clip: 5 },
  }
  for (const [key, value] of Object.entries(others)) assert.deepEqual(differing({ [key]: value }), [key], key)
  assert.deepEqual(differing({ model: { ...model, depth: 2 } }), ['model.depth'])
  assert.deepEqual(differing({ data: { ...data, prompt: 'a video of {}' } }), ['data.prompt'])
  assert.deepEqual(differing({}, { from: 'another' }), ['model.from'])
  const said = training.items.map((item) => ({ ...item, captions: ['other words'] }))
  assert.deepEqual(differing({}, { items: set('', { items: said }) }), ['videos of training'])
  assert.equal(differences('0f3a', recipe), undefined)
})
