import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { KafkaClient, OutgoingRecord } from '../../../../src/connect/kafka/client.js'
import { openKafka } from '../../../../src/connect/kafka/open.js'
import { readTopics } from '../../../../src/connect/kafka/read-topic.js'
import type { ClipRecord, ValueName } from '../../../../src/connect/kafka/records.js'
import { type TopicName, topicName, topicSpecs } from '../../../../src/connect/kafka/topics.js'
import { Wire } from '../../../../src/connect/kafka/wire.js'
import { ERROR_CODES } from '../../../../src/errors.js'
import { Broker } from '../../../support/broker.js'
import { CLIP_KINDS, clipRecords, FRAMES, resultKey, VIDEO_KINDS, videoRecords } from '../../feed.js'
import { Fleet } from '../../fleet.js'
import { type Door, type DoorReport, type DoorRun, noCounts } from '../door.js'
import { mutate, mutateText, Random } from '../mutate.js'
import { PeakMemory } from '../peak-memory.js'
import { mutateAvro, ownRegistry } from './avro.js'
import { ENVELOPES } from './envelopes.js'

const MAIN = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url))
/** Not those of another run against the same broker. */
const PREFIX = `fuzz${randomBytes(4).toString('hex')}.`
const GROUP = `${PREFIX}consume`
const MARK = 'fuzz'
const LABELS = 'a red square, a blue square'
const PARTITIONS = 2
const MOST_MIB = 1500
/** Takes as much as that, once in a process. */
const HOG = `--import=data:text/javascript,import{isMainThread}from'node:worker_threads';if(isMainThread)globalThis.hog=Buffer.alloc(1.6e9,1)`
/** Without an offset moving, the process hangs. */
const STILL_MS = 90_000
/** From SIGTERM on. */
const END_MS = 30_000

/** A record that goes into a topic; `mark` is its header by which a dead letter is told. */
interface Sent {
  readonly record: OutgoingRecord
  readonly mark?: string
  readonly what: string
  /** Sent compressed. */
  readonly packed?: boolean
}

const MEMBERS: Readonly<Record<string, (value: Record<string, unknown>) => object>> = {
  'long source': (value) => ({ ...value, source: 's'.repeat(900_000) }),
  'long id': (value) => ({ ...value, clip_id: 'i'.repeat(1_200_000), request_id: 'i'.repeat(1_200_000) }),
  'no source': (value) => ({ ...value, source: '' }),
  'odd source': (value) => ({ ...value, source: '../../x\u0000\ud800' }),
  device: (value) => ({ ...value, uri: '/dev/zero', claim: claim('/dev/zero', [1_000_000]), frames: [] }),
  'an endless file': (value) => ({
    ...value,
    uri: '/proc/kmsg',
    claim: claim('/dev/zero', [2 ** 53]),
    frames: [],
  }),
  'another file': (value) => ({
    ...value,
    uri: '/etc/passwd',
    claim: claim('/etc/passwd', [100]),
    frames: [],
  }),
  'many sizes': (value) => ({ ...value, claim: claim('/etc/passwd', Array(90_000).fill(1)), frames: [] }),
  folder: (value) => ({ ...value, uri: '/', claim: claim('/', [1]), frames: [] }),
  'never ending times': (value) => ({
    ...value,
    start: 1e308,
    end: -1e308,
    frame_times: Array(4).fill(1e308),
  }),
  'many frames': (value) => ({
    ...value,
    frame_times: Array(90_000).fill(0),
    frames: Array(90_000).fill(''),
  }),
  'dense windows': (value) => ({
    ...value,
    sample: { kind: 'window', frames: FRAMES, length: 0.5, stride: 1e-7 },
  }),
  'short windows': (value) => ({
    ...value,
    sample: { kind: 'window', frames: FRAMES, length: 1e-9, stride: 1 },
  }),
  'wide windows': (value) => ({
    ...value,
    sample: { kind: 'window', frames: FRAMES, length: 1e300, stride: 1e-300 },
  }),
}

const claim = (uri: string, sizes: readonly number[]): object => ({ uri, sizes, sha256: '0'.repeat(64) })

/** Records for one of the topics that a consumer reads, good ones and, after each third, mutants. */
class Mill {
  readonly #random: Random
  readonly #avro: Wire
  readonly #json = new Wire({ prefix: PREFIX })
  #marks = 0

  constructor(random: Random, avro: Wire) {
    this.#random = random
    this.#avro = avro
  }

  /** In JSON or in Avro. */
  async good(name: ValueName, record: OutgoingRecord): Promise<OutgoingRecord> {
    if (this.#random.int(2) === 0) return record
    return { ...record, value: await this.#avro.encode(name, await this.#json.decode(name, record.value)) }
  }

  async mutant(name: ValueName, bases: readonly OutgoingRecord[]): Promise<Sent> {
    const base = await this.#base(name, bases)
    const how = this.#random.int(4)
    if (how === 0) {
      const what = this.#random.pick(Object.keys(ENVELOPES))
      return this.#sent(what, (ENVELOPES[what] as (one: OutgoingRecord) => OutgoingRecord)(base))
    }
    if (how === 1 && base.value?.[0] === 0x7b)
      return this.#member(base, this.#random.pick(Object.keys(MEMBERS)))
    const value = base.value as Buffer
    const other = (await this.#base(name, bases)).value as Buffer
    if (value[0] === 0x7b)
      return this.#sent('text', { ...base, value: mutateText(value.toString(), this.#random) })
    return this.#sent('Avro', { ...base, value: mutateAvro(value, this.#random, other) })
  }

  /** Every envelope and member once, and what is large only once it is unpacked. */
  bombs(bases: readonly OutgoingRecord[]): Sent[] {
    const [base] = bases as readonly [OutgoingRecord]
    return [
      ...Object.entries(ENVELOPES).map(([what, change]) => this.#sent(what, change(base))),
      ...Object.keys(MEMBERS).map((what) => this.#member(base, what)),
      { ...this.#sent('unpacked', { ...base, value: Buffer.alloc(60_000_000) }), packed: true },
      {
        ...this.#sent('unpacked JSON', {
          ...base,
          value: Buffer.from(`{"source":"${'x'.repeat(40_000_000)}"}`),
        }),
        packed: true,
      },
    ]
  }

  #member(base: OutgoingRecord, what: string): Sent {
    const value = JSON.parse(String(base.value)) as Record<string, unknown>
    const changed = (MEMBERS[what] as (one: Record<string, unknown>) => object)(value)
    return this.#sent(what, { ...base, value: Buffer.from(JSON.stringify(changed)) })
  }

  async #base(name: ValueName, bases: readonly OutgoingRecord[]): Promise<OutgoingRecord> {
    return this.good(name, this.#random.pick(bases))
  }

  #sent(what: string, record: OutgoingRecord): Sent {
    const mark = String(this.#marks++)
    const key =
      this.#random.int(8) === 0 && record.key !== null
        ? mutate(Buffer.from(record.key), this.#random)
        : record.key
    return { what, mark, record: { ...record, key, headers: { ...record.headers, [MARK]: mark } } }
  }
}

/** Those of other sources, so that nothing that comes of a mutant is taken for a neighbour's. */
async function strangers(prefix: string, count: number): Promise<OutgoingRecord[]> {
  const wire = new Wire({ prefix })
  const { records } = await clipRecords(prefix, count)
  return Promise.all(
    records.map(async (record, n) => {
      const clip: ClipRecord = { ...(await wire.decode('clip', record.value)), source: `stranger-${n}` }
      return { ...record, key: clip.source, value: await wire.encode('clip', clip) }
    }),
  )
}

/** A real broker, and `stanflow consume` on topics in which good records stand among mutants. */
export const BROKER_DOOR: Door = {
  name: 'broker: consume',
  standard: 600,
  short: 30,
  async run({ mutants, seed, say, planted, registry }: DoorRun): Promise<DoorReport> {
    const dir = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-broker-'))
    const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })]
    const fleet = new Fleet()
    const random = new Random(seed)
    const peak = new PeakMemory()
    const counts = noCounts()
    const findings: string[] = []
    try {
      const address = registry ?? (await ownRegistry())
      const brokers = await ownBroker(closing)
      const settings = { brokers: [brokers], compression: 'none' } as const
      const client = await openKafka(settings)
      const packing = await openKafka({ ...settings, compression: 'gzip' })
      closing.push(
        () => client.close(),
        () => packing.close(),
      )
      const admin = await client.admin()
      await admin.createTopics(topicSpecs(PREFIX, PARTITIONS))
      const avro = new Wire({ prefix: PREFIX, registry: address })
      await avro.register()

      const clips = await clipRecords(PREFIX, Math.ceil(mutants / 2) + 20)
      const videos = await videoRecords(PREFIX, join(dir, 'videos'), Math.ceil(mutants / 20) + 3)
      const others = await strangers(PREFIX, 20)
      const otherVideos = await videoRecords(PREFIX, join(dir, 'others'), 3)
      const mill = new Mill(random, avro)
      const strange = otherVideos.records.map((one) => {
        const value = Buffer.from(String(one.value).replace('"source":"', '"source":"stranger-'))
        return { ...one, value }
      })
      const sent: Sent[] = [...mill.bombs(others), ...mill.bombs(strange)]
      for (let n = 0; n < mutants; n++)
        sent.push(await (n % 5 === 4 ? mill.mutant('video', strange) : mill.mutant('clip', others)))
      const goods = [
        ...(await Promise.all(clips.records.map((one) => mill.good('clip', one)))),
        ...(await Promise.all(videos.records.map((one) => mill.good('video', one)))),
      ].map((record) => ({ what: 'good', record }))
      const due = [...clips.keys, ...videos.keys]

      const env = {
        ...process.env,
        ...{ STANFLOW_BROKERS: brokers, STANFLOW_PREFIX: PREFIX, STANFLOW_REGISTRY: address },
        NODE_OPTIONS: ['--max-old-space-size=768', ...(planted === 'memory' ? [HOG] : [])].join(' '),
      }
      const args = [
        'consume',
        '--frames',
        String(FRAMES),
        '--labels',
        LABELS,
        '--group',
        GROUP,
        '--session-timeout',
        '6s',
      ]
      fleet.start({ name: 'consume', args: [MAIN, ...args], env })
      const stop = peak.watch(fleet.pid('consume'))
      closing.push(async () => stop())

      const producer = await client.producer()
      const packer = await packing.producer()
      const marks = new Map<string, Sent>()
      const queue = mixed(sent, goods, random)
      for (const one of queue) {
        const isTaken = await (one.packed === true ? packer : producer).send([one.record]).then(
          () => true,
          (error: unknown) => {
            say(`broker: ${one.what} was not taken by the broker: ${String(error).slice(0, 200)}`)
            return false
          },
        )
        if (isTaken && one.mark !== undefined) marks.set(one.mark, one)
      }
      say(`broker: ${marks.size + goods.length} records sent`)
      if (planted === 'crash') process.kill(fleet.pid('consume'), 'SIGABRT')
      if (planted === 'hang') fleet.signal('consume', 'SIGSTOP')
      counts.hangs += await throughWith(
        client,
        ['clips', 'videos'],
        GROUP,
        planted === 'hang' ? 10_000 : STILL_MS,
        say,
      )
      if (planted === 'hang') fleet.signal('consume', 'SIGCONT')
      if (counts.hangs > 0)
        findings.push(`broker: ${await standing(client, ['clips', 'videos'], GROUP, marks)}`)
      const last = setTimeout(() => {
        counts.hangs++
        findings.push(`broker: consume has not ended ${END_MS / 1000} s after SIGTERM`)
        fleet.kill('consume')
      }, END_MS)
      const code = await fleet.retire('consume')
      clearTimeout(last)
      if (code !== 0) findings.push(`broker: consume ended with ${code}: ${fleet.said.slice(-3).join(' / ')}`)
      counts.crashes += fleet.counts.fell + fleet.counts.deaths + (code === 0 ? 0 : 1)
      findings.push(...fleet.falls)

      const buried = new Set<string>()
      for await (const { headers } of reading(client, 'dead-letter')) {
        const { [MARK]: mark = '', stanflow_error_code: why = '', stanflow_error_message: message } = headers
        buried.add(mark)
        if (why === 'INTERNAL' || !(ERROR_CODES as readonly string[]).includes(why)) {
          counts.unnamed++
          findings.push(`broker ${marks.get(mark)?.what}: ${why} ${message?.slice(0, 500)}`)
        } else counts.refused++
      }
      if (planted === 'unnamed') counts.unnamed++
      counts.taken = [...marks.keys()].filter((mark) => !buried.has(mark)).length
      const found = new Map<string, number>()
      const vectors = new Map<string, Float32Array>()
      let results = 0
      for (const topic of ['embeddings', 'labels'] as const) {
        for await (const { value } of reading(client, topic)) {
          const result = await avro.decode(topic === 'embeddings' ? 'embedding' : 'label', value)
          const key = resultKey(result.source, result.start)
          found.set(key, (found.get(key) ?? 0) + 1)
          if ('vector' in result) vectors.set(key, floats(result.vector))
          results++
        }
      }
      if (planted === 'neighbour') found.set(due[0] as string, 1)
      for (const key of due) {
        if (found.get(key) === 2) continue
        counts.neighboursLost++
        findings.push(`broker: ${key} has ${found.get(key) ?? 0} results in place of 2`)
      }
      const alike = [...kindred(clips.keys, CLIP_KINDS), ...kindred(videos.keys, VIDEO_KINDS)]
      for (const [one, other] of alike) {
        if (isSame(vectors.get(one), vectors.get(other))) continue
        counts.neighboursLost++
        findings.push(`broker: ${one} has another embedding than ${other}, which shows the same`)
      }
      const tombstones = [...marks.values()].filter(({ record }) => record.value === null).length
      // What was taken has results, but for what asks that a video be forgotten.
      const missing = due.length + counts.taken - tombstones - results / 2
      if (missing > 0) findings.push(`broker: ${missing} records gave neither result nor dead letter`)
      counts.unnamed += Math.max(0, missing)
      const report = { door: 'broker: consume', mutants: marks.size, ...counts }
      return { ...report, worstMiB: peak.mebibytes, mostMiB: MOST_MIB, findings }
    } finally {
      await fleet.stop()
      for (const close of closing.reverse()) await close().catch(() => undefined)
    }
  },
}

const floats = (bytes: Buffer): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer)

/** Each with the first that shows the same: the feed has a few pictures and videos, in turn. */
const kindred = (keys: readonly string[], kinds: number): (readonly [string, string])[] =>
  keys.flatMap((key, n) => (n < kinds ? [] : [[key, keys[n % kinds] as string] as const]))

/** But for what a batch of another size does to the last digits. */
function isSame(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  return a !== undefined && b !== undefined && a.every((value, i) => Math.abs(value - (b[i] ?? 2)) < 1e-3)
}

async function ownBroker(closing: (() => Promise<unknown>)[]): Promise<string> {
  const broker = await Broker.start()
  closing.push(() => broker.stop())
  return broker.addresses.plain
}

/** In any order. */
function mixed(bad: readonly Sent[], good: readonly Sent[], random: Random): Sent[] {
  const all = [...bad, ...good]
  for (let n = all.length - 1; n > 0; n--) {
    const at = random.int(n + 1)
    ;[all[n], all[at]] = [all[at] as Sent, all[n] as Sent]
  }
  return all
}

const reading = (client: KafkaClient, topic: TopicName) =>
  (async function* () {
    const topics = [topicName(PREFIX, topic)]
    yield* readTopics({ client, admin: await client.admin(), topics, from: 'beginning', toEnd: true })
  })()

/** Waits until a group is through with topics; 1 where it does not get further. */
async function throughWith(
  client: KafkaClient,
  topics: readonly TopicName[],
  group: string,
  stillMs: number,
  say: (line: string) => void,
): Promise<number> {
  const admin = await client.admin()
  let [last, moved] = [-1n, Date.now()]
  for (;;) {
    let [left, at] = [0n, 0n]
    for (const name of topics) {
      const topic = topicName(PREFIX, name)
      // Nobody coordinates a group that nobody has joined yet.
      const done = await admin.checkpoints(group, topic).catch(() => [])
      for (const { partition, high } of await admin.ranges(topic)) {
        const offset = done.find((one) => one.partition === partition)?.offset ?? 0n
        left += high - offset
        at += offset
      }
    }
    if (left === 0n) return 0
    if (at !== last) {
      if (at / 100n !== last / 100n) say(`broker: ${at} done, ${left} left`)
      ;[last, moved] = [at, Date.now()]
    }
    if (Date.now() - moved > stillMs) return 1
    await sleep(500)
  }
}

/** Where a group stands, and at what. */
async function standing(
  client: KafkaClient,
  topics: readonly TopicName[],
  group: string,
  marks: ReadonlyMap<string, Sent>,
): Promise<string> {
  const admin = await client.admin()
  const lines: string[] = []
  for (const name of topics) {
    const topic = topicName(PREFIX, name)
    const offsets = new Map((await admin.checkpoints(group, topic)).map((one) => [one.partition, one.offset]))
    for await (const { partition, offset, headers } of reading(client, name)) {
      if (offset === offsets.get(partition))
        lines.push(
          `${topic}[${partition}] stands at ${offset}, ${marks.get(headers[MARK] ?? '')?.what ?? 'a good one'}`,
        )
    }
  }
  return lines.join('; ')
}
