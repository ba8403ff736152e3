import { setTimeout as sleep } from 'node:timers/promises'
import { type ConsumeOptions, consume } from '../../pipelines/consume.js'
import { fail } from '../../src/cli/fail.js'
import type { KafkaClient, Producer, Transaction } from '../../src/connect/kafka/client.js'
import { openKafka } from '../../src/connect/kafka/open.js'
import { openLog } from '../../src/telemetry/log.js'

/**
 * `stanflow consume` with a pause between its results and their commit, so that a death is likely to come between the
 * two. With `transactions` off, results are sent outside of the transaction that commits the offsets: that is what the
 * harness must find fault with, or it proves nothing.
 */
const PAUSE_MS = 150

const { options, transactions, diesAt, stopsAt } = JSON.parse(process.argv[2] ?? '') as {
  readonly options: ConsumeOptions
  readonly transactions: boolean
  /** Dies by its own hand after so many transactions, with the results of the last one sent and nothing committed. */
  readonly diesAt?: number
  /** Stops itself before it sends its so many'th results, until somebody has it go on. */
  readonly stopsAt?: number
}
let sent = 0
const inner = await openKafka(options.kafka)
let plain: Producer | undefined

const slow = (real: Transaction): Transaction => ({
  ...real,
  send: async (records) => {
    plain ??= await inner.producer()
    if (sent + 1 === stopsAt) process.kill(process.pid, 'SIGSTOP')
    await (transactions ? real : plain).send(records)
    sent++
    if (sent === diesAt) process.kill(process.pid, 'SIGKILL')
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
try {
  await consume(options, { client, signal: stop.signal, log: openLog('consume') })
  // As the command does: what a library still waits for must not keep the process.
  process.exit(0)
} catch (error) {
  process.exit(fail(error, { json: false }))
}
