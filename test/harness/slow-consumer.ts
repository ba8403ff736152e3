import { setTimeout as sleep } from 'node:timers/promises'
import { type ConsumeOptions, consume } from '../../pipelines/consume.js'
import type { KafkaClient, Transaction } from '../../src/connect/kafka/client.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { openLog } from '../../src/telemetry/log.js'

/**
 * `stanflow consume` with a pause between its results and their commit, so that a death is likely to come between the
 * two. With `transactions` off, results are sent outside of the transaction that commits the offsets: that is what the
 * harness must find fault with, or it proves nothing.
 */
const PAUSE_MS = 150

const { options, transactions } = JSON.parse(process.argv[2] ?? '') as {
  readonly options: ConsumeOptions
  readonly transactions: boolean
}
const inner = await openKafka(options.kafka, options.kafkaClient)
const plain = await inner.producer()

const slow = (real: Transaction): Transaction => ({
  ...real,
  send: async (records) => {
    await (transactions ? real : plain).send(records)
    await sleep(PAUSE_MS)
  },
})

const client: KafkaClient = {
  name: 'slow',
  admin: () => inner.admin(),
  producer: () => inner.producer(),
  consumer: (given) => inner.consumer(given),
  close: () => inner.close(),
  transactional: async (id, timeout) => {
    const real = await inner.transactional(id, timeout)
    return { close: () => real.close(), begin: async () => slow(await real.begin()) }
  },
}

const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
await consume(options, { client, signal: stop.signal, log: openLog('consume') })
