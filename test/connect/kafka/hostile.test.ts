import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { samplingOf } from '../../../pipelines/consume/requests.js'
import { traceOf } from '../../../src/connect/kafka/envelope.js'
import { partitioner } from '../../../src/connect/kafka/kafkajs/partitioner.js'
import { StanflowError } from '../../../src/errors.js'

const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
  ...{ partitionId, leader: 1, partitionErrorCode: 0, replicas: [], isr: [], offlineReplicas: [] },
}))

test('keys go to the partitions that kafkajs and Java send them to, a megabyte of key in no time', () => {
  const [own, theirs] = [partitioner(), kafkajs.Partitioners.DefaultPartitioner()]
  const keys = [
    '',
    'a',
    'camera:door',
    'é.mp4',
    ...Array.from({ length: 200 }, (_, n) => randomBytes(n % 50)),
  ]
  for (const key of keys) {
    const args = { topic: 't', partitionMetadata, message: { key, value: null } }
    assert.equal(own(args), theirs(args), String(key))
  }
  const given = { topic: 't', partitionMetadata, message: { key: 'a', value: null, partition: 7 } }
  assert.equal(own(given), 7)
  // It took kafkajs half an hour, in which nothing else went on.
  const begun = performance.now()
  const huge = { key: Buffer.alloc(1_000_000, 0xff), value: null }
  assert.ok(own({ topic: 't', partitionMetadata, message: huge }) < 12)
  assert.ok(performance.now() - begun < 5000)
})

test('trace context goes on into results only where it is some', () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  assert.deepEqual(traceOf({ traceparent, tracestate: 'a=b' }), { traceparent, tracestate: 'a=b' })
  // A megabyte of it made results that are larger than their topic takes, which ended the consumer.
  assert.deepEqual(traceOf({ traceparent, tracestate: 'a=b,'.repeat(200_000) }), { traceparent })
  assert.deepEqual(traceOf({ traceparent: 'x'.repeat(900_000), tracestate: 'a=b' }), {})
  assert.deepEqual(traceOf({ tracestate: 'a=b' }), {})
})

test('windows that are denser than any pictures are refused', () => {
  const own = { kind: 'window', frames: 4, length: 4, stride: 2 } as const
  const sample = { kind: 'window', frames: 4, length: 4, stride: 0.5 } as const
  assert.deepEqual(samplingOf(sample, own), sample)
  for (const hostile of [{ stride: 1e-7 }, { length: 1e-9, stride: null }]) {
    assert.throws(
      () => samplingOf({ ...sample, ...hostile }, own),
      (error: unknown) => error instanceof StanflowError && error.code === 'KAFKA_SCHEMA',
    )
  }
})
