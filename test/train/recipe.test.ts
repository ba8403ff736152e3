import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import type { TrainConfig } from '../../src/train/config.js'
import { readLog } from '../../src/train/log.js'
import { folderWith } from '../config/folder.js'
import { cli } from '../support/cli.js'

const RECIPE = fileURLToPath(new URL('../../../src/train/recipes/motion-scenes.yaml', import.meta.url))

/** The embedded model's recipe with a network, data and a number of steps that take seconds; everything else is as it is. */
async function small(): Promise<{ text: string; stages: TrainConfig['stages'] }> {
  const recipe = parse(await readFile(RECIPE, 'utf8')) as TrainConfig
  const sizes = { size: 24, width: 32, layers: 2, 'text-width': 32, 'text-layers': 1, dim: 32 }
  const stages = recipe.stages.map((stage) => ({ ...stage, steps: 2, batch: 2 }))
  const text = stringify({
    ...recipe,
    ...{ threads: 1, frames: 3, stages },
    model: { ...recipe.model, ...sizes },
    data: { train: 80, pictures: 40, validation: 6, side: 48 },
  })
  return { text, stages }
}

test('the one command of the embedded model goes from nothing through every stage to a model that answers', async (t) => {
  const folder = await folderWith(t)
  const { text, stages } = await small()
  await writeFile(join(folder, 'recipe.yaml'), text)
  const to = join(folder, 'run')
  const done = await cli(['train', '--config', join(folder, 'recipe.yaml'), '--to', to, '--plot'])
  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, new RegExp(`^trained ${2 * stages.length} steps in `))
  const lines = readLog(join(to, 'log.jsonl'))
  assert.deepEqual(
    lines.map(({ stage, step }) => `${stage} ${step}`),
    stages.flatMap(({ name }) => [`${name} 1`, `${name} 2`]),
  )
  // Each stage is validated at its end, those of pictures without a branch.
  const scores = lines.flatMap(({ scores: told }) => (told ? [Object.keys(told)] : []))
  const scored = { pictures: ['appearance'], clips: ['appearance', 'motion', 'order'] }
  assert.deepEqual(
    scores,
    stages.map(({ kind }) => scored[kind]),
  )
  assert.match(await readFile(join(to, 'plot.svg'), 'utf8'), /motion top-1/)
  const told = await cli(['models', 'info', join(to, 'model'), '--json'])
  assert.equal(told.code, 0, told.stderr)
  assert.match(told.stdout, /stan-conv/)
})
