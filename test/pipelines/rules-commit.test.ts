import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { rules } from '../../pipelines/rules.js'
import { parseRules } from '../../src/config/rules.js'
import type { KafkaClient, TransactionalProducer } from '../../src/connect/kafka/client.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { StanflowError } from '../../src/errors.js'
import { Metrics } from '../../src/telemetry/metrics.js'
import { ownTopics, until } from './consume/support.js'

const RULES = '[{name: fall, label: falls, threshold: 0.6, open-after: 2, close-after: 2}]'

test('rules tell and count what is committed: a transaction that comes to nothing counts nothing', async () => {
  const { prefix, cluster, send, all } = await ownTopics(1)
  const wire = new Wire({ prefix })
  const values = [0.9, 0.9, 0, 0].map((score, n) =>
    wire.encode('label', {
      ...{ clip_id: `c${n}`, source: 'camera:a', clip_index: n, start: n, end: n + 4 },
      labels: [{ label: 'falls', score, similarity: 0.3 }],
      ...{ model_digest: 'a'.repeat(64), sampling: 'window-12-4s-1s', label_set: 'b'.repeat(64) },
    }),
  )
  const labels = [Buffer.from('no labels'), ...(await Promise.all(values))]
  await send(labels.map((value) => ({ topic: `${prefix}labels`, key: 'camera:a', value, headers: {} })))
  const inner = await openKafka(cluster.kafka)
  let failures = 0
  const failing = (real: TransactionalProducer): TransactionalProducer => ({
    close: () => real.close(),
    begin: async () => {
      const transaction = await real.begin()
      let hasEvents = false
      return {
        send: async (records) => {
          hasEvents ||= records.some(({ topic }) => topic === `${prefix}events`)
          await transaction.send(records)
        },
        checkpoint: (group, checkpoints) => transaction.checkpoint(group, checkpoints),
        abort: () => transaction.abort(),
        commit: async () => {
          if (hasEvents && failures++ === 0) throw new StanflowError('KAFKA_UNREACHABLE', 'On purpose.')
          await transaction.commit()
        },
      }
    },
  })
  const client: KafkaClient = {
    name: 'failing',
    admin: () => inner.admin(),
    producer: () => inner.producer(),
    transactional: async (id, timeout) => failing(await inner.transactional(id, timeout)),
    consumer: (options) => inner.consumer(options),
    close: () => inner.close(),
  }
  const stop = new AbortController()
  const metrics = new Metrics({ process: false })
  const told: string[] = []
  const running = rules(
    {
      ...{ ...cluster, rules: parseRules(RULES, 'rules.yaml'), group: `${prefix}rules` },
      ...{ sessionTimeout: 6, attempts: 3, late: 3600 },
    },
    {
      ...{ client, metrics, signal: stop.signal },
      log: pino({}, { write: (line: string) => void told.push((JSON.parse(line) as { msg: string }).msg) }),
    },
  )
  running.catch(() => undefined)
  try {
    await until('both events', async () => (await all('events')).length >= 2)
  } finally {
    stop.abort()
  }
  const { clips, events, deadLetters } = await running
  assert.ok(failures > 1, 'a transaction failed')
  assert.deepEqual({ clips, events, deadLetters }, { clips: 4, events: 2, deadLetters: 1 })
  const times = (message: string): number => told.filter((one) => one === message).length
  assert.deepEqual([times('event'), times('dead letter')], [2, 1])
  const counted = await metrics.registry.getSingleMetricAsString('stanflow_dead_letters_total')
  assert.match(counted, /code="KAFKA_SCHEMA"\} 1$/m)
})
