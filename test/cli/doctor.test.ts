import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnosis } from '../../pipelines/doctor.js'
import { cli } from '../support/cli.js'

test('doctor shows machine, engines and readers; for machines as JSON', async () => {
  const { code, stdout } = await cli(['doctor', '--json'])
  assert.equal(code, 0)
  const { machine, engines, auto, readers } = JSON.parse(stdout) as Diagnosis
  assert.ok(machine.some(({ name, detail }) => name === 'node' && detail.includes(process.version)))
  assert.deepEqual([...new Set(engines.map(({ engine }) => engine))].sort(), ['onnx', 'openvino', 'tfjs'])
  assert.ok(engines.some(({ available, precisions }) => available && precisions.includes('fp32')))
  assert.ok(auto.fp32)
  for (const { available, hint } of engines) assert.ok(available || hint, 'what is missing comes with a hint')
  assert.deepEqual(
    readers.map(({ name }) => name),
    ['ffmpeg', 'node-av'],
  )
})

test('without ffmpeg, doctor says how to get it', async () => {
  const { code, stdout } = await cli(['doctor'], { env: { PATH: '/nowhere', FFMPEG_PATH: '' } })
  assert.equal(code, 0)
  assert.match(stdout, /-- {2}ffmpeg/)
  assert.match(stdout, /apt-get install ffmpeg/)
})
