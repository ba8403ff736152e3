import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type CameraDefaults, camerasOf, readCameras } from '../../src/config/cameras.js'
import { readRuleSettings } from '../../src/config/rules.js'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stanflow-cameras-'))
})
after(() => rm(dir, { recursive: true, force: true }))

const DEFAULTS: CameraDefaults = {
  ...{ frames: 4, window: 4, stride: 1, labels: ['cat', 'dog'], prompts: ['{}'], transport: 'tcp' },
  ...{ hwaccel: 'none', keyframesOnly: false, loop: false, silence: 5, gate: false, rules: [] },
}

const read = async (text: string, defaults = DEFAULTS) => {
  const path = join(dir, 'cameras.yaml')
  await writeFile(path, text)
  return readCameras(path, defaults)
}

test('rules, gate and recording are for all cameras, unless one says otherwise', async () => {
  const [one, other] = await read(`
gate: true
record: {before: 2s}
rules: [{name: pets, labels: [cat, dog], threshold: 0.5}, {name: cat, label: cat, threshold: 0.5}]
cameras:
  - {id: one, url: rtsp://10.0.0.5/1}
  - {id: other, url: rtsp://10.0.0.6/1, gate: {threshold: 3}, record: false, rules: [{name: cat, label: cat, threshold: 0.9}]}
`)
  assert.deepEqual(one?.gate, { threshold: 6, hold: 1, refresh: 60 })
  assert.deepEqual(one?.record, { before: 2, after: 10, megabytes: 32 })
  assert.deepEqual(
    one?.rules.map(({ name, threshold }) => [name, threshold]),
    [
      ['pets', 0.5],
      ['cat', 0.5],
    ],
  )
  assert.deepEqual([other?.gate?.threshold, other?.record], [3, undefined])
  assert.deepEqual(
    other?.rules.map(({ name, threshold }) => [name, threshold]),
    [
      ['pets', 0.5],
      ['cat', 0.9],
    ],
  )
})

test('a gate is off, and an address has the rules of a file', async () => {
  await writeFile(join(dir, 'rules.yaml'), '[{name: cat, label: cat, threshold: 0.5}]')
  const rules = await readRuleSettings(join(dir, 'rules.yaml'))
  const [camera] = camerasOf(['rtsp://10.0.0.5/1'], { ...DEFAULTS, rules })
  assert.equal(camera?.gate, undefined)
  assert.equal(camera?.rules[0]?.name, 'cat')
})

test('a rule for what is no label of its camera is refused by name', async () => {
  await assert.rejects(
    read('{cameras: [{id: a, url: "rtsp://10.0.0.5/1", rules: [{name: r, label: bird, threshold: 0.5}]}]}'),
    { code: 'CONFIG_INVALID', message: /Rule "r" looks for "bird", which is no label of camera a/ },
  )
})
