import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ConsumeOptions } from '../../pipelines/consume.js'
import type { Admin, KafkaClient } from '../../src/connect/kafka/client.js'
import { type ClientName, openKafka } from '../../src/connect/kafka/open.js'
import { readTopics } from '../../src/connect/kafka/read-topic.js'
import { type TopicName, topicName, topicSpecs } from '../../src/connect/kafka/topics.js'
import { Wire } from '../../src/connect/kafka/wire.js'
import { Broker } from '../support/broker.js'
import { type Fault, FaultProxy } from '../support/fault-proxy.js'
import { query } from '../support/query.js'
import { S3Server } from '../support/s3-server.js'
import { clipRecords, FRAMES, resultKey, videoRecords } from './feed.js'
import { Fleet, type FleetCounts } from './fleet.js'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const SLOW = fileURLToPath(new URL('./slow-consumer.js', import.meta.url))
const PREFIX = 'eo.'
const LABELS = ['a red square', 'a blue square']

export interface HarnessOptions {
  readonly clips: number
  readonly videos: number
  readonly consumers: number
  readonly kills: number
  /** Milliseconds from one to the next. */
  readonly killEvery: number
  readonly brokerKills: number
  /** Kinds of cut between the archiver and S3, each for a few seconds. */
  readonly cuts: readonly Fault[]
  /** A consumer is stopped past its session timeout so often, and goes on then. */
  readonly zombies: number
  readonly partitions: number
  /** Consumers die by their own hand after so many transactions each, between sending results and committing. */
  readonly diesAt?: number
  /** The library that consumers and archiver speak with the broker by. */
  readonly client?: ClientName
  /** Results are sent outside of transactions: the harness must find that. */
  readonly unsafe: boolean
  readonly seed: number
  /** Milliseconds that all results may take once nothing is killed any more. */
  readonly patience: number
  readonly say: (line: string) => void
}

/** How often results came, over all that were due. */
export interface Tally {
  readonly once: number
  readonly missing: number
  readonly twice: number
  /** The first of those that came twice. */
  readonly doubled: readonly string[]
  /** Results that nobody asked for. */
  readonly strange: number
}

export interface HarnessReport {
  readonly due: number
  /** What the consumers were given: doubled there, it is the feeding that doubled it. */
  readonly asked: Tally
  readonly embeddings: Tally
  readonly labels: Tally
  readonly parquetEmbeddings: Tally
  readonly parquetLabels: Tally
  readonly deadLetters: number
  readonly fleet: FleetCounts
  readonly brokerKills: number
  readonly cuts: number
  readonly zombies: number
  readonly exitCodes: readonly (number | null)[]
  readonly seconds: number
  /** Why processes ended by themselves. */
  readonly falls: readonly string[]
  /** The last things processes said. */
  readonly said: readonly string[]
}

/** Whether every result came exactly once, everywhere. */
export const isExact = ({
  embeddings,
  labels,
  parquetEmbeddings,
  parquetLabels,
  due,
}: HarnessReport): boolean =>
  [embeddings, labels, parquetEmbeddings, parquetLabels].every(
    ({ once, missing, twice, strange }) => once === due && missing + twice + strange === 0,
  )

/** Clips and videos through consumers and an archiver that are killed, to a broker that is, over a network that is cut. */
export async function exactlyOnce(options: HarnessOptions): Promise<HarnessReport> {
  const begun = performance.now()
  const { say } = options
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-exactly-once-'))
  const broker = await Broker.start()
  const s3 = await S3Server.start()
  const proxy = await FaultProxy.start({ target: { port: Number(new URL(s3.endpoint).port) } })
  const bucket = await s3.bucket()
  const client = await openKafka({ brokers: [broker.addresses.plain] })
  const fleet = new Fleet()
  try {
    const admin = await client.admin()
    await admin.createTopics(topicSpecs(PREFIX, options.partitions))
    const clips = await clipRecords(PREFIX, options.clips)
    const videos = await videoRecords(PREFIX, join(dir, 'videos'), options.videos)
    const due = [...clips.keys, ...videos.keys]
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      ...s3.env,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${proxy.port}`,
      AWS_MAX_ATTEMPTS: '2',
      STANFLOW_BROKERS: broker.addresses.plain,
      STANFLOW_PREFIX: PREFIX,
      STANFLOW_KAFKA_CLIENT: options.client ?? 'kafkajs',
      STANFLOW_SESSION_TIMEOUT: '6s',
    }
    for (let n = 0; n < options.consumers; n++) fleet.start(consumer(n, options, broker, env))
    const archiving = [
      '--to',
      `s3://${bucket}/archive`,
      '--roll-time',
      '5s',
      '--roll-records',
      '100',
      '--s3-timeout',
      '3s',
    ]
    fleet.start({ name: 'archiver', args: [MAIN, 'archive', ...archiving], env })

    const feeding = feed(
      client,
      [...clips.records, ...videos.records],
      options.kills * options.killEvery * 0.8,
    )
    const done = { brokerKills: 0, cuts: 0, zombies: 0 }
    await Promise.all([feeding, mayhem(options, fleet, broker, proxy, done)])
    say(
      `${done.brokerKills} broker kills, ${done.cuts} cuts, ${fleet.counts.kills} kills; waiting for what is left`,
    )

    const deadline = Date.now() + options.patience
    let last = ''
    while (Date.now() < deadline) {
      const counts = await Promise.all(
        ['embeddings', 'labels'].map((kind) => count(dataDir(s3, bucket), kind)),
      )
      const now = `${counts.join(' and ')} of ${due.length} archived`
      if (now !== last) say(now)
      last = now
      if (counts.every((n) => n >= due.length) && !options.unsafe) break
      if (options.unsafe && (await isDoubled(admin, due.length))) break
      await sleep(1000)
    }
    const exitCodes = await fleet.stop()
    return {
      due: due.length,
      asked: tally(due, await askedKeys(client, admin)),
      embeddings: tally(due, await allKeys(client, admin, 'embeddings', due.length)),
      labels: tally(due, await allKeys(client, admin, 'labels', due.length)),
      parquetEmbeddings: tally(due, await keysInParquet(dataDir(s3, bucket), 'embeddings', '')),
      parquetLabels: tally(due, await keysInParquet(dataDir(s3, bucket), 'labels', 'where rank = 1')),
      deadLetters: (await keysInTopic(client, admin, 'dead-letter')).length,
      ...{ fleet: fleet.counts, ...done, exitCodes, said: fleet.said, falls: fleet.falls },
      seconds: (performance.now() - begun) / 1000,
    }
  } finally {
    await fleet.stop()
    await client.close()
    await proxy.stop()
    await s3.stop()
    await broker.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

function consumer(
  n: number,
  { unsafe, diesAt, client = 'kafkajs' }: HarnessOptions,
  broker: Broker,
  env: NodeJS.ProcessEnv,
) {
  const name = `consumer-${n}`
  // The harness's own kills are no reason to give a message up.
  const attempts = 1000
  // One is the command itself; the others pause where a death does the most harm.
  if (n === 0 && !unsafe && diesAt === undefined) {
    const args = ['--frames', String(FRAMES), '--labels', LABELS.join(', '), '--attempts', String(attempts)]
    return { name, args: [MAIN, 'consume', ...args], env }
  }
  const options: ConsumeOptions = {
    ...{
      kafka: { brokers: [broker.addresses.plain], client },
      prefix: PREFIX,
      group: `${PREFIX}consume`,
    },
    ...{
      model: 'default',
      structure: 'auto',
      engine: 'auto',
      device: 'auto',
      precision: 'fp32',
      reader: 'auto',
    },
    ...{ sampling: { kind: 'uniform', frames: FRAMES }, labels: LABELS, prompts: ['{}'], top: 5 },
    ...{ batch: 8, concurrency: 2, batchDeadline: 0.1, sessionTimeout: 6, attempts },
  }
  return {
    name,
    args: [SLOW, JSON.stringify({ options, transactions: !unsafe, ...(diesAt !== undefined && { diesAt }) })],
    env,
  }
}

/** Sends records over so many milliseconds, whatever happens to the broker. */
async function feed(
  client: KafkaClient,
  records: readonly Parameters<Awaited<ReturnType<KafkaClient['producer']>>['send']>[0][number][],
  over: number,
): Promise<void> {
  const parts = 50
  const size = Math.ceil(records.length / parts)
  // Transactional, so that a send whose outcome is unknown can be done again without doubling anything.
  let next = 0
  while (next < records.length) {
    const some = records.slice(next, next + size)
    const producer = await client.transactional('feed', 30_000).catch(() => undefined)
    if (producer === undefined) {
      await sleep(500)
      continue
    }
    try {
      const transaction = await producer.begin()
      await transaction.send(some)
      const at = { topic: topicName(PREFIX, 'events'), partition: 0, offset: BigInt(next + some.length) }
      await transaction.checkpoint('feed', [at])
      await transaction.commit()
      next += some.length
    } catch {
      // What became of it is known once the id is taken hold of again.
      await producer.close()
      const again = await hold(client)
      const [committed] = await (await client.admin()).checkpoints('feed', topicName(PREFIX, 'events'))
      next = Number(committed?.offset ?? 0n)
      await again.close()
    }
    await producer.close()
    await sleep(over / parts)
  }
}

async function hold(client: KafkaClient) {
  for (;;) {
    const producer = await client.transactional('feed', 30_000).catch(() => undefined)
    if (producer !== undefined) return producer
    await sleep(500)
  }
}

interface Done {
  brokerKills: number
  cuts: number
  zombies: number
}

async function mayhem(
  options: HarnessOptions,
  fleet: Fleet,
  broker: Broker,
  proxy: FaultProxy,
  done: Done,
): Promise<void> {
  let state = options.seed
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const evenly = (times: number): Set<number> =>
    new Set(Array.from({ length: times }, (_, i) => Math.floor(((i + 0.5) * options.kills) / times)))
  const brokerKills = evenly(options.brokerKills)
  const cuts = evenly(options.cuts.length)
  const zombies = evenly(options.zombies)
  const mending: Promise<unknown>[] = []
  // Once they are all up.
  await sleep(options.killEvery)
  for (let n = 0; n < options.kills; n++) {
    await sleep(options.killEvery * (0.5 + random()))
    const name = fleet.names[Math.floor(random() * fleet.names.length)] as string
    options.say(`kill ${n + 1} of ${options.kills}: ${name}`)
    fleet.kill(name)
    if (cuts.has(n)) {
      const fault = options.cuts[done.cuts++] as Fault
      options.say(`S3: ${fault}`)
      await proxy.set(fault)
      mending.push(sleep(6000).then(() => proxy.set('none')))
    }
    if (zombies.has(n)) {
      const zombie = `consumer-${Math.floor(random() * options.consumers)}`
      done.zombies++
      options.say(`${zombie} stops for 10 s`)
      fleet.signal(zombie, 'SIGSTOP')
      mending.push(sleep(10_000).then(() => fleet.signal(zombie, 'SIGCONT')))
    }
    if (brokerKills.has(n)) {
      options.say('the broker is killed')
      await broker.kill()
      await sleep(1000)
      await broker.restart()
      done.brokerKills++
    }
  }
  await Promise.all(mending)
}

const dataDir = (s3: S3Server, bucket: string): string => s3.file(bucket, 'archive')

/** What is in Parquet so far; none where there is no file yet. */
async function count(dir: string, kind: string): Promise<number> {
  const keys = await keysInParquet(dir, kind, kind === 'labels' ? 'where rank = 1' : '').catch(() => [])
  return keys.length
}

async function keysInParquet(dir: string, kind: string, where: string): Promise<string[]> {
  const sql = `select source, "start" as s from read_parquet('${dir}/${kind}/**/*.parquet') ${where}`
  return (await query<{ source: string; s: number }>(sql)).map(({ source, s }) =>
    resultKey(source, Number(s)),
  )
}

/** Reads again where there is less than is due: on a busy machine the broker may have been slow to answer. */
async function allKeys(
  client: KafkaClient,
  admin: Admin,
  name: 'embeddings' | 'labels',
  due: number,
): Promise<string[]> {
  let keys: string[] = []
  for (let tries = 0; tries < 3 && new Set(keys).size < due; tries++) {
    keys = await keysInTopic(client, admin, name)
  }
  return keys
}

async function keysInTopic(
  client: KafkaClient,
  admin: Admin,
  name: 'embeddings' | 'labels' | 'dead-letter',
): Promise<string[]> {
  const wire = new Wire({ prefix: PREFIX })
  const keys: string[] = []
  for await (const { value, key } of allOf(client, admin, name)) {
    if (name === 'dead-letter') {
      keys.push(String(key))
      continue
    }
    const { source, start } = await wire.decode(name === 'labels' ? 'label' : 'embedding', value)
    keys.push(resultKey(source, start))
  }
  return keys
}

async function askedKeys(client: KafkaClient, admin: Admin): Promise<string[]> {
  const wire = new Wire({ prefix: PREFIX })
  const keys: string[] = []
  for await (const { value } of allOf(client, admin, 'clips')) {
    const { source, start } = await wire.decode('clip', value)
    keys.push(resultKey(source, start))
  }
  for await (const { key } of allOf(client, admin, 'videos')) keys.push(resultKey(String(key), 0))
  return keys
}

const allOf = (client: KafkaClient, admin: Admin, name: TopicName) =>
  readTopics({ client, admin, topics: [topicName(PREFIX, name)], from: 'beginning', toEnd: true })

/** More results lie there than are due; without transactions, every offset is a result. */
async function isDoubled(admin: Admin, due: number): Promise<boolean> {
  const ranges = await admin.ranges(topicName(PREFIX, 'embeddings'))
  return ranges.reduce((sum, { low, high }) => sum + Number(high - low), 0) > due
}

function tally(due: readonly string[], keys: readonly string[]): Tally {
  const times = new Map<string, number>()
  for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1)
  const counts = due.map((key) => times.get(key) ?? 0)
  const known = new Set(due)
  return {
    once: counts.filter((n) => n === 1).length,
    missing: counts.filter((n) => n === 0).length,
    twice: counts.filter((n) => n > 1).length,
    doubled: due.filter((_, n) => (counts[n] as number) > 1).slice(0, 8),
    strange: [...times.keys()].filter((key) => !known.has(key)).length,
  }
}
