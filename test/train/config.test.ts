import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ABLATION } from '../../src/train/ablation.js'
import { readTrainConfig, readYaml } from '../../src/train/config.js'
import { folderWith } from '../config/folder.js'
import { failsWith } from './fails-with.js'

test('a configuration that is not there, is no YAML or has wrong keys is told in one line, with the key', async (t) => {
  const stage = '{ name: a, kind: clips, batch: 2, rate: 0.1'
  const folder = await folderWith(t, {
    'list.yaml': 'stages: [',
    'keys.yaml': `model: {}\ndata: { train: 3 }\nstages: [${stage}, stpes: 4 }]`,
    'nameless.yaml': `data: { train: 3 }\nstages: [${['a', '""'].map((name) => `{ name: ${name}, kind: pictures, batch: 0, rate: 1, steps: 4 }`)}]`,
    'odd.yaml': `data: { train: 3, side: 47 }\nstages: [${stage}, steps: 4 }]`,
    'fine.yaml': `data: { train: 3 }\nstages: [${stage}, steps: 4 }]`,
  })
  const told = (name: string, code: string, message: RegExp) =>
    assert.rejects(readTrainConfig(join(folder, name)), (error: { code?: string; message?: string }) => {
      assert.equal(error.code, code)
      assert.match(error.message ?? '', message)
      assert.ok(!error.message?.includes('\n'))
      return true
    })
  await told('absent.yaml', 'INPUT_NOT_FOUND', /no configuration .*absent\.yaml/)
  await told('list.yaml', 'CONFIG_INVALID', /list\.yaml is not YAML: .*line 1/)
  await told('keys.yaml', 'CONFIG_INVALID', /stages\.0 \(a\)\.steps: .*stages\.0 \(a\): .*"stpes"/)
  await told(
    'nameless.yaml',
    'CONFIG_INVALID',
    /stages\.0 \(a\)\.batch: .*stages\.1\.name: .*stages\.1\.batch: /,
  )
  await told('odd.yaml', 'CONFIG_INVALID', /data\.side: must be even/)
  const { stages, model } = await readTrainConfig(join(folder, 'fine.yaml'))
  assert.equal(stages[0]?.steps, 4)
  assert.deepEqual(
    [model.size, model.patch, model.width, model.layers, model['text-layers'], model.structure, model.depth],
    [60, 12, 128, 4, 2, 'stan-conv', 2],
  )
})

test('sizes that do not fit each other and structures there are not are told with their keys, and with what fits', async (t) => {
  const rest = 'data: { train: 3 }\nstages: [{ name: a, kind: clips, steps: 4, batch: 2, rate: 0.1 }]'
  const folder = await folderWith(t, {
    'patch.yaml': `model: { size: 24, patch: 7 }\n${rest}`,
    'large.yaml': `model: { size: 24, patch: 60 }\n${rest}`,
    'heads.yaml': `model: { width: 32, text-width: 48, heads: 5 }\n${rest}`,
    'text.yaml': `model: { width: 32, text-width: 40, heads: 16 }\n${rest}`,
    'structure.yaml': `model: { structure: stan-foo }\n${rest}`,
    'deep.yaml': `model: { layers: 5000 }\n${rest}`,
  })
  const told = async (name: string, message: RegExp, hint: RegExp) => {
    const path = join(folder, name)
    const error = await failsWith(readTrainConfig(path), 'CONFIG_INVALID', message)
    assert.ok(error.message.startsWith(`${path}: `), error.message)
    assert.match(error.hint, hint)
  }
  await told(
    'patch.yaml',
    /model\.patch: 7 does not divide model\.size, 24$/,
    /^6 or 8 would fit as model\.patch\. docs/,
  )
  await told('large.yaml', /model\.patch: 60 does not divide model\.size, 24$/, /^24 would fit/)
  await told(
    'heads.yaml',
    /model\.heads: 5 does not divide model\.width, 32, nor model\.text-width, 48$/,
    /^4 or 8 would fit as model\.heads/,
  )
  await told('text.yaml', /model\.heads: 16 does not divide model\.text-width, 40$/, /^8 would fit/)
  await told(
    'structure.yaml',
    /model\.structure: there is no structure stan-foo \(there are .*stan-self/,
    /^docs/,
  )
  await told('deep.yaml', /model\.layers: .*1000/, /^docs/)
  const ablation = `trunk: { ${rest.replace('\n', ', ')} }\nstages: [{ name: b, kind: clips, steps: 4, batch: 2, rate: 0.1 }]`
  await writeFile(
    join(folder, 'ablate.yaml'),
    `${ablation}\nvariants: [{ name: no time, structure: stan-foo }]`,
  )
  await failsWith(
    readYaml(join(folder, 'ablate.yaml'), ABLATION),
    'CONFIG_INVALID',
    /: variants\.0 \(no time\)\.structure: there is no structure stan-foo/,
  )
})

test('a folder in the place of a configuration is called one', async (t) => {
  const folder = await folderWith(t)
  const { hint } = await failsWith(
    readTrainConfig(folder),
    'INPUT_NOT_A_FILE',
    / is a folder, no configuration\.$/,
  )
  assert.match(hint, /\.yaml/)
})
