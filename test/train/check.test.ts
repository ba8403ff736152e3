import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { trainingSets } from '../../pipelines/training-sets.js'
import { readTrainConfig } from '../../src/train/config.js'
import { readDataConfig } from '../../src/train/on-data/config.js'
import { startFrom } from '../../src/train/on-data/start.js'
import { folderWith } from '../config/folder.js'
import { cli } from '../support/cli.js'
import { failsWith } from './fails-with.js'

const config = (more: string, { model = '', train = 24 } = {}): string => `
model: { size: 24, patch: 12, width: 32, layers: 2, heads: 2, text-width: 32, text-layers: 1, dim: 32${model} }
data: { train: ${train}, validation: 4, side: 48 }
stages:
  - { name: objects, kind: pictures, steps: 2, batch: 2, rate: 0.001 }
  - { name: moves, kind: clips, steps: 2, batch: 2, rate: 0.001${more} }
`

test('a stage whose motions no scene has is told before anything is made, with the motions', async (t) => {
  const folder = await folderWith(t, {
    'few.yaml': config(''),
    'single.yaml': config(', motions: [left, approach], single: true', { train: 200 }),
    'one.yaml': config('', { train: 1 }),
  })
  const made = async (name: string) =>
    trainingSets(await readTrainConfig(join(folder, name)), folder).then((sets) => sets.close())
  const few = await failsWith(made('few.yaml'), 'CONFIG_INVALID', /stage moves .*24 of data\.train: .*\w+/)
  assert.match(few.hint, /^Raise data\.train/)
  await failsWith(made('single.yaml'), 'CONFIG_INVALID', /stage moves .*: approach of one object$/)
  await failsWith(made('one.yaml'), 'CONFIG_INVALID', /stage objects .*: pictures of (one|two) objects?$/)
  assert.ok(!existsSync(join(folder, 'clips')))
})

test('a branch deeper than CLIP is a wrong configuration, and the hint says what fits', async (t) => {
  const folder = await folderWith(t, {
    'scenes.yaml': config('', { model: ', depth: 9' }),
    'data.yaml': `model: { from: default, structure: stan-self, depth: 9 }\ndata: { kind: table, place: a.csv }\nsteps: 1\nbatch: 1\nrate: 1`,
  })
  const scenes = await readTrainConfig(join(folder, 'scenes.yaml'))
  const made = await failsWith(trainingSets(scenes, folder), 'CONFIG_INVALID', /depth is 9.* 2 layers/)
  assert.match(made.hint, /model\.depth to 2 or less/)
  const data = await readDataConfig(join(folder, 'data.yaml'))
  const begun = await failsWith(
    Promise.resolve().then(() => startFrom(data)),
    'CONFIG_INVALID',
    /depth is 9.* 4 layers/,
  )
  assert.match(begun.hint, /model\.depth to 4 or less/)
})

test('where the configuration or its data is wrong no folder is made, or left; one that was there stays', async (t) => {
  const data = (more: string) =>
    `model: { from: default }\ndata: { kind: table, ${more} }\nsteps: 1\nbatch: 1\nrate: 1`
  const folder = await folderWith(t, {
    'patch.yaml': config('', { model: ', depth: 1' }).replace('patch: 12', 'patch: 7'),
    'depth.yaml': config('', { model: ', depth: 9' }),
    'few.yaml': config('', { train: 1 }),
    'place.yaml': data(`place: ${join('nowhere', 'a.csv')}`),
    'root.yaml': data('place: there.csv, root: videos'),
    'there.csv': 'path,text\na.mp4,a',
  })
  const to = join(folder, 'runs', 'one')
  const run = (name: string) =>
    cli(['train', '--config', join(folder, `${name}.yaml`), '--to', to, '--plot'], { cwd: folder })
  for (const name of ['patch', 'depth', 'few', 'place', 'root']) {
    const { code, stderr } = await run(name)
    const isAbout = (key: string) => {
      assert.match(stderr, new RegExp(`error INPUT_NOT_FOUND: There is no .*, which ${key} names`))
      assert.match(stderr, new RegExp(`hint: Set ${key} in the configuration`))
    }
    if (name === 'place' || name === 'root') isAbout(`data.${name}`)
    else assert.match(stderr, /error CONFIG_INVALID: /)
    if (name === 'patch' || name === 'depth')
      assert.ok(stderr.includes(`${join(folder, name)}.yaml: `), stderr)
    assert.equal(code, name === 'place' || name === 'root' ? 1 : 2, stderr)
    assert.ok(!existsSync(join(folder, 'runs')), `${name} left a folder`)
  }
  await mkdir(to, { recursive: true })
  await run('place')
  assert.ok(existsSync(to))
})
