import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CameraDefaults, camerasOf, readCameras } from '../../src/config/cameras.js'
import { folderWith } from './folder.js'

const DEFAULTS: CameraDefaults = {
  ...{ frames: 12, window: 4, stride: 1, labels: [], prompts: ['{}'], transport: 'tcp', hwaccel: 'none' },
  ...{ keyframesOnly: false, loop: false, silence: 5, gate: false, rules: [] },
}

async function read(t: TestContext, text: string, env: NodeJS.ProcessEnv = {}) {
  const folder = await folderWith(t, { 'cameras.yaml': text, 'labels.txt': 'a cat\na dog\n' })
  return readCameras(join(folder, 'cameras.yaml'), DEFAULTS, env)
}

test('what a camera says counts before what the file says, and that before flags', async (t) => {
  const [door, yard] = await read(
    t,
    `
window: 2s
labels: labels.txt
transport: udp
cameras:
  - {id: door, url: "rtsp://10.0.0.5/1", username: view, password-env: DOOR, transport: tcp, silence: 10s}
  - id: yard
    url: rtsp://10.0.0.6/1
    windows: [{length: 2s, stride: 500ms}, {length: 8s, stride: 4s}]
    labels: [a car]
    roi: {x: 0, y: 0.5, width: 1, height: 0.5}
    schedule: mon-fri 18:00-06:00
`,
    { DOOR: 's3cret' },
  )
  assert.deepEqual(door?.windows, [{ kind: 'window', frames: 12, length: 2, stride: 1 }])
  assert.deepEqual(
    [door?.fps, door?.transport, door?.silence, door?.labels],
    [6, 'tcp', 10, ['a cat', 'a dog']],
  )
  assert.deepEqual([door?.address.username, door?.address.password], ['view', 's3cret'])
  assert.equal(door?.address.shown, 'rtsp://10.0.0.5/1')
  assert.deepEqual(
    yard?.windows.map(({ length, stride }) => [length, stride]),
    [
      [2, 0.5],
      [8, 4],
    ],
  )
  assert.deepEqual([yard?.fps, yard?.transport, yard?.labels], [6, 'udp', ['a car']])
  assert.deepEqual(yard?.region, { x: 0, y: 0.5, width: 1, height: 0.5 })
})

test('what is wrong is named, with the camera and the key', async (t) => {
  const wrong = async (text: string, pattern: RegExp): Promise<void> => {
    await assert.rejects(read(t, text), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONFIG_INVALID')
      assert.match(error.message, pattern)
      return true
    })
  }
  await wrong('cameras: [{id: a, url: "rtsp://h/1", fsp: 3}]', /camera a: .*fsp/)
  await wrong('cameras: [{id: a, url: "rtsp://h/1", password: x}]', /password.*password-env/)
  await wrong('cameras: [{id: a, url: "rtsp://h/1", password-env: NOT_THERE}]', /NOT_THERE/)
  await wrong('cameras: [{id: a, url: "rtsp://h/1"}, {id: a, url: "rtsp://h/2"}]', /"a" is there twice/)
  await wrong('cameras: [{id: a, url: "rtsp://h/1", roi: {x: 0.5, y: 0, width: 0.6, height: 1}}]', /roi/)
  await wrong('cameras: [', /not valid YAML/)
  await wrong('nothing: 1', /cameras/)
})

test('addresses alone get names of their own', () => {
  const cameras = camerasOf(['rtsp://h/1', 'rtsp://h/1', 'a/door.mp4'], DEFAULTS)
  assert.deepEqual(
    cameras.map(({ id }) => id),
    ['h-1', 'h-1-2', 'door'],
  )
})
