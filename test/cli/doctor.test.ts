import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnosis } from '../../pipelines/doctor.js'
import { cli } from '../support/cli.js'
import { sharedBroker, sharedRegistry } from '../support/kafka.js'
import { s3Server } from '../support/s3.js'

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

test('servers that can be reached are told apart from those that cannot', async () => {
  const [{ plain }, registry, s3] = await Promise.all([sharedBroker(), sharedRegistry(), s3Server()])
  const bucket = await s3.bucket()
  const args = ['doctor', '--json', '--brokers', plain, '--registry', registry, `s3://${bucket}/x`]
  const there = await cli([...args, 's3://stanflow-has-no-such-bucket'], { env: s3.env })
  const states = (JSON.parse(there.stdout) as Diagnosis).servers.map(({ name, ok, hint }) => [
    name,
    ok || hint !== undefined,
    ok,
  ])
  assert.deepEqual(states, [
    ['kafka', true, true],
    ['registry', true, true],
    [`s3://${bucket}/x`, true, true],
    ['s3://stanflow-has-no-such-bucket', true, false],
  ])
  const gone = await cli(['doctor', '--json', '--brokers', '127.0.0.1:9'])
  assert.equal(gone.code, 0)
  const [kafka] = (JSON.parse(gone.stdout) as Diagnosis).servers
  assert.match(kafka?.detail ?? '', /nobody listens at 127\.0\.0\.1:9/)
})
