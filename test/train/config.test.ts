import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readTrainConfig } from '../../src/train/config.js'
import { folderWith } from '../config/folder.js'

test('a configuration that is not there, is no YAML or has wrong keys is told in one line, with the key', async (t) => {
  const stage = '{ name: a, kind: clips, batch: 2, rate: 0.1'
  const folder = await folderWith(t, {
    'list.yaml': 'stages: [',
    'keys.yaml': `model: {}\ndata: { train: 3 }\nstages: [${stage}, stpes: 4 }]`,
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
  await told('keys.yaml', 'CONFIG_INVALID', /stages\.0\.steps: .*stages\.0: .*"stpes"/)
  await told('odd.yaml', 'CONFIG_INVALID', /data\.side: must be even/)
  const { stages, model } = await readTrainConfig(join(folder, 'fine.yaml'))
  assert.equal(stages[0]?.steps, 4)
  assert.deepEqual(
    [model.size, model.patch, model.width, model.layers, model['text-layers'], model.structure, model.depth],
    [60, 12, 128, 4, 2, 'stan-conv', 2],
  )
})
