import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openKafka } from '../../../src/connect/kafka/open.js'
import { topicSpecs } from '../../../src/connect/kafka/topics.js'
import { Broker } from '../../support/broker.js'
import { TestCamera } from '../../support/camera.js'
import { freePort } from '../../support/child.js'
import { FaultProxy } from '../../support/fault-proxy.js'
import { Registry } from '../../support/registry.js'
import { S3Server } from '../../support/s3-server.js'
import { clipRecords, FRAMES, videoRecords } from '../feed.js'
import { Fleet } from '../fleet.js'
import { type Holding, holding } from '../ingest/measure.js'
import { Audit, type Counted } from './audit.js'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))
const PREFIX = 'soak.'
const LABELS = 'a red square, a blue square'
/** Seconds that something is away. */
const AWAY = 15

export interface SoakOptions {
  readonly minutes: number
  /** Seconds from one fault to the next. */
  readonly every: number
  /** Clips that are sent in a second, beside those of two cameras; a video every ten seconds. */
  readonly rate: number
  readonly patience: number
  readonly say: (line: string) => void
}

export interface Sample extends Holding {
  readonly name: string
  readonly pid: number
  readonly seconds: number
}

export interface SoakReport {
  readonly counted: Counted
  readonly faults: Readonly<Record<string, number>>
  readonly samples: readonly Sample[]
  readonly falls: readonly string[]
  readonly exitCodes: readonly (number | null)[]
  /** Times that the server was asked, and that it answered. */
  readonly asked: number
  readonly answered: number
  readonly seconds: number
}

/** All pipelines together, as an installation has them, with a fault every so often. */
export async function soak({ minutes, every, rate, patience, say }: SoakOptions): Promise<SoakReport> {
  const begun = performance.now()
  const seconds = (): number => (performance.now() - begun) / 1000
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-soak-'))
  const fleet = new Fleet()
  const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })]
  try {
    const broker = await Broker.start()
    closing.push(() => broker.stop())
    const [registry, s3] = await Promise.all([Registry.start(), S3Server.start()])
    closing.push(
      () => registry.stop(),
      () => s3.stop(),
    )
    const port = (url: string): number => Number(new URL(url).port)
    const toRegistry = await FaultProxy.start({ target: { port: port(registry.url) } })
    const toS3 = await FaultProxy.start({ target: { port: port(s3.endpoint) } })
    closing.push(
      () => toRegistry.stop(),
      () => toS3.stop(),
    )
    const cameras = await Promise.all([
      TestCamera.start({ size: '320x180' }),
      TestCamera.start({ size: '320x180' }),
    ])
    closing.push(...cameras.map((camera) => () => camera.stop()))
    const bucket = await s3.bucket()
    const client = await openKafka({ brokers: [broker.addresses.plain] })
    closing.push(() => client.close())
    await (await client.admin()).createTopics(topicSpecs(PREFIX, 3))

    const env: NodeJS.ProcessEnv = {
      ...{
        ...process.env,
        ...s3.env,
        AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${toS3.port}`,
        AWS_MAX_ATTEMPTS: '2',
      },
      ...{
        STANFLOW_BROKERS: broker.addresses.plain,
        STANFLOW_PREFIX: PREFIX,
        STANFLOW_SESSION_TIMEOUT: '6s',
      },
      STANFLOW_REGISTRY: `http://127.0.0.1:${toRegistry.port}${new URL(registry.url).pathname}`,
    }
    const file = join(dir, 'cameras.yaml')
    await writeFile(file, JSON.stringify({ cameras: cameras.map(({ url }, n) => ({ id: `c${n}`, url })) }))
    const index = join(dir, 'index')
    const servePort = await freePort()
    const kafka = `kafka://${broker.addresses.plain}`
    const crews: Readonly<Record<string, readonly string[]>> = {
      'consumer-0': ['consume', '--frames', String(FRAMES), '--labels', LABELS, '--attempts', '1000'],
      'consumer-1': ['consume', '--frames', String(FRAMES), '--labels', LABELS, '--attempts', '1000'],
      ingest: [
        'ingest',
        '--cameras',
        file,
        '--to',
        kafka,
        '--split',
        '--frames',
        String(FRAMES),
        '--window',
        '2s',
        '--stride',
        '1s',
      ],
      archive: ['archive', '--to', `s3://${bucket}/archive`, '--roll-time', '10s', '--s3-timeout', '3s'],
      index: ['index', '--from', kafka, '--to', index],
      serve: ['serve', '--index', index, '--port', String(servePort)],
    }
    for (const [name, args] of Object.entries(crews)) fleet.start({ name, args: [MAIN, ...args], env })

    const stop = new AbortController()
    const steps: Readonly<Record<string, () => Promise<void>>> = {
      'consumer killed': async () => fleet.kill('consumer-0'),
      'broker killed': async () => {
        await broker.kill()
        await sleep(1000)
        await broker.restart()
      },
      'S3 away': async () => {
        await toS3.set('refused')
        await sleep(AWAY * 1000)
        await toS3.set('none')
      },
      'camera killed': async () => {
        await cameras[0]?.kill()
        await sleep(AWAY * 1000)
        await cameras[0]?.restart()
      },
      'registry away': async () => {
        await toRegistry.set('refused')
        fleet.kill('consumer-0')
        await sleep(AWAY * 1000)
        await toRegistry.set('none')
      },
      'indexer killed': async () => fleet.kill('index'),
      'archiver killed': async () => fleet.kill('archive'),
    }
    const faults: Record<string, number> = {}
    const failing = async (): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        await sleep(every * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
        if (stop.signal.aborted) return
        const [name, step] = Object.entries(steps)[n % Object.keys(steps).length] as [
          string,
          () => Promise<void>,
        ]
        say(`${seconds().toFixed(0)} s: ${name}`)
        await step()
        faults[name] = (faults[name] ?? 0) + 1
      }
    }
    const samples: Sample[] = []
    const asking = { asked: 0, answered: 0 }
    const watching = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        await sleep(5000, undefined, { signal: stop.signal }).catch(() => undefined)
        for (const name of Object.keys(crews)) {
          const pid = fleet.pid(name)
          samples.push({ name, pid, seconds: seconds(), ...(await holding(pid)) })
        }
        // It takes a moment to start.
        if (seconds() < 60) continue
        asking.asked++
        const answer = await fetch(`http://127.0.0.1:${servePort}/api/health`).catch(() => undefined)
        if (answer?.ok) asking.answered++
      }
    }
    const total = Math.round(minutes * 60 * rate)
    const clips = await clipRecords(PREFIX, total)
    const videos = await videoRecords(PREFIX, join(dir, 'videos'), Math.ceil(minutes * 6))
    const feeding = async (): Promise<void> => {
      const producer = await client.producer()
      const records = [...clips.records]
      const perVideo = Math.max(1, Math.floor(records.length / videos.records.length))
      for (const [n, video] of videos.records.entries()) records.splice(n * (perVideo + 1), 0, video)
      for (let sent = 0; sent < records.length; ) {
        const part = records.slice(
          sent,
          Math.floor(Math.min(records.length, (seconds() / (minutes * 60)) * records.length)),
        )
        // One that no answer came to is sent again: what is in the topic is what is due.
        const isSent = await producer.send(part).then(
          () => true,
          () => false,
        )
        if (isSent) sent += part.length
        await sleep(500)
      }
    }
    const running = [failing(), watching()]
    await feeding()
    say(`${seconds().toFixed(0)} s: everything is sent`)
    stop.abort()
    await Promise.all(running)
    const ingestCode = await fleet.retire('ingest')

    const audit = new Audit({
      client,
      prefix: PREFIX,
      registry: registry.url,
      archive: s3.file(bucket, 'archive'),
      index,
    })
    const deadline = Date.now() + patience
    let counted = await audit.count()
    while (Date.now() < deadline && !audit.isWhole(counted)) {
      say(`${seconds().toFixed(0)} s: ${JSON.stringify(counted)}`)
      await sleep(5000)
      counted = await audit.count()
    }
    const exitCodes = [ingestCode, ...(await fleet.stop())]
    return { counted, faults, samples, falls: fleet.falls, exitCodes, ...asking, seconds: seconds() }
  } finally {
    await fleet.stop()
    for (const close of closing.reverse()) await close().catch(() => undefined)
  }
}
