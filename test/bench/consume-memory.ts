import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openKafka } from '../../src/connect/kafka/open.js'
import { topicSpecs } from '../../src/connect/kafka/topics.js'
import { clipRecords, FRAMES } from '../harness/feed.js'
import { Broker } from '../support/broker.js'
import { table } from './table.js'

/** Memory of a consumer under steady load, minute by minute: `npm run bench:consume-memory -- --minutes 20`. Flat is what it should be. */
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const PREFIX = 'memory.'
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, rate: { type: 'string', default: '10' } },
})
const [minutes, rate] = [Number(values.minutes), Number(values.rate)]
const EVERY_MS = 30_000

const broker = await Broker.start()
const client = await openKafka({ brokers: [broker.addresses.plain] })
const args = [
  'consume',
  '--brokers',
  broker.addresses.plain,
  '--prefix',
  PREFIX,
  '--frames',
  String(FRAMES),
  '--labels',
  'a, b',
]
await (await client.admin()).createTopics(topicSpecs(PREFIX, 4))
const child = spawn(process.execPath, [MAIN, ...args, '--session-timeout', '10s'], {
  env: { ...process.env, STANFLOW_LOG_LEVEL: 'error' },
  stdio: ['ignore', 'inherit', 'inherit'],
})
try {
  const { records } = await clipRecords(PREFIX, Math.ceil(minutes * 60 * rate))
  const producer = await client.producer()
  const rows: { minute: number; clips: number; 'resident MB': number; 'peak MB': number }[] = []
  const begun = Date.now()
  let [sent, next] = [0, EVERY_MS]
  while (Date.now() - begun < minutes * 60_000) {
    const due = Math.floor(((Date.now() - begun) / 1000) * rate)
    // Twice, at worst, where an answer was lost: memory is what is looked at.
    if (due > sent) await sendSome(sent, due)
    sent = Math.max(sent, due)
    if (Date.now() - begun >= next) {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      const megabytes = (name: string): number =>
        Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024
      rows.push({
        minute: next / 60_000,
        clips: sent,
        'resident MB': megabytes('VmRSS'),
        'peak MB': megabytes('VmHWM'),
      })
      process.stderr.write(`${next / 60_000} min: ${megabytes('VmRSS').toFixed(0)} MB\n`)
      next += EVERY_MS
    }
    await sleep(100)
  }
  process.stdout.write(`${table(rows)}\n`)

  async function sendSome(from: number, to: number): Promise<void> {
    while (Date.now() - begun < minutes * 60_000) {
      try {
        return await producer.send(records.slice(from, to))
      } catch (error) {
        process.stderr.write(`sent again: ${String(error)}\n`)
        await sleep(500)
      }
    }
  }
} finally {
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
  await client.close()
  await broker.stop()
}
