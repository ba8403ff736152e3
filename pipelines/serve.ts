import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Settings } from '../src/connect/s3/client.js'
import { parseS3 } from '../src/connect/s3/uri.js'
import { StanflowError } from '../src/errors.js'
import { patience, persist } from '../src/persist.js'
import { isLoopback } from '../src/server/address.js'
import { Live } from '../src/server/live.js'
import type { StoredFile } from '../src/server/parts.js'
import { Roots } from '../src/server/roots.js'
import type { Health } from '../src/server/schemas.js'
import { startServer } from '../src/server/server.js'
import { newToken } from '../src/server/token.js'
import { type Logger, silentLog } from '../src/telemetry/log.js'
import type { Metrics } from '../src/telemetry/metrics.js'
import { VERSION } from '../src/version.js'
import { alerts, type Receiver } from './alerts.js'
import type { KafkaOptions } from './kafka.js'
import { Places } from './places.js'
import { Feed } from './serve/feed.js'
import { ResultsLibrary } from './serve/library.js'
import { Operations } from './serve/operations.js'
import { DecodedPictures } from './serve/pictures.js'
import { Rates } from './serve/rates.js'
import { IndexSearch, type SearchOptions } from './serve/search.js'

export interface ServeOptions {
  /** What a backfill or an archive wrote: a folder or `s3://bucket/prefix`. */
  readonly results?: string
  /** What the live wall shows; without it there is none. */
  readonly kafka?: KafkaOptions
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Asked of every visitor. Absent: none where only this machine reaches the host, else one is made. */
  readonly token?: string
  readonly tokenFile?: string
  /** Folders and `s3://bucket/prefix` whose videos may be shown, beside the results and the working directory. */
  readonly media?: readonly string[]
  readonly allowHosts?: readonly string[]
  /** Addresses and networks of proxies whose word for a visitor's address is taken. */
  readonly trustProxy?: readonly string[]
  /** Seconds without a label after which a camera is called quiet. */
  readonly quietAfter: number
  readonly search?: SearchOptions
  /** Who else is told of events. */
  readonly receivers?: readonly Receiver[]
  /** Of one event at one receiver. Default 24. */
  readonly webhookTries?: number
  readonly s3?: S3Settings
}

/** What a person must know to open the page. */
export interface Serving {
  readonly address: string
  /** One that was made now: it is nowhere else. */
  readonly madeToken?: string
  readonly notes: readonly string[]
}

export interface ServeHooks {
  /** Aborting ends it. */
  readonly signal: AbortSignal
  readonly log?: Logger
  readonly metrics?: Metrics
  readonly onServing?: (serving: Serving) => void
}

const CHANGES_MS = 250
const LIBRARY_MS = 2000
const INDEX_MS = 5000
const HEALTH_MS = 5000
const TRIES = 24
const SESSION_SECONDS = 30

/**
 * Serves the page until aborted.
 * @throws StanflowError USAGE_INVALID, INPUT_NOT_FOUND, SERVER_ADDRESS, SERVER_TOKEN
 */
export async function serve(
  options: ServeOptions,
  { signal, log = silentLog(), metrics, onServing }: ServeHooks,
): Promise<void> {
  const { results, kafka, host, port } = options
  if (results === undefined && kafka === undefined) {
    throw new StanflowError('USAGE_INVALID', 'There is nothing to show.', {
      hint: 'Name a results folder (stanflow serve out), a broker (--brokers host:9092), or both.',
    })
  }
  const { token, made } = await tokenFor(options)
  const startedAt = new Date().toISOString()
  const ended = new AbortController()
  const places = new Places(options.s3)
  const library = results === undefined ? undefined : new ResultsLibrary(places.results(results))
  const live = new Live(options.quietAfter)
  const rates = new Rates()
  const roots = await Roots.of(rootsOf(options))
  const pictures = await DecodedPictures.open()
  const search = new IndexSearch({
    ...{ options: options.search ?? {}, results, s3: options.s3, log, signal: ended.signal },
    sampling: () => library?.sampling,
  })
  let letters = (): void => undefined
  const feed =
    kafka && new Feed({ options: kafka, live, rates, log, signal: ended.signal, onLetter: () => letters() })
  const operations = new Operations({ library, feed, kafka, indexMarks: (keys) => search.marks(keys) })
  const health = (): Health => ({
    ...{ version: VERSION, startedAt, results: library?.facts() ?? null, search: search.status() },
    kafka: operations.kafka,
    throughput: {
      perMinute: rates.perMinute(),
      buckets: rates.buckets(),
      bucketSeconds: rates.bucketSeconds,
    },
    deadLetters: { waiting: operations.waiting },
  })
  const reach = async (file: StoredFile) => {
    const bytes = file.bytes ?? (await places.s3.head(parseS3(file.path)))?.bytes ?? 0
    const reached = await places.reach({ path: file.path, bytes })
    return {
      ...{ path: reached.path, name: file.path },
      explain: (error: unknown) => reached.explain(error),
      close: () => reached.close(),
    }
  }
  const read = async (path: string): Promise<Uint8Array> => {
    const object = await places.s3.get(parseS3(path))
    if (object === undefined) throw new StanflowError('S3_OBJECT_MISSING', `${path} is not there.`)
    return object.body
  }
  const head = (path: string, bytes: number): Promise<Uint8Array> => places.read(path, bytes)
  const every: Promise<void>[] = []
  try {
    await library?.refresh()
    search.refresh()
    const server = await startServer(
      {
        live,
        isLive: feed !== undefined,
        library,
        search,
        letters: operations,
        health,
        pictures,
        reach,
        read,
        head,
        roots,
      },
      {
        ...{ host, port, log },
        onAnswered: (route, status, seconds) => metrics?.answered(route, status, seconds),
        ...(token !== undefined && { token }),
        ...(options.allowHosts !== undefined && { allowHosts: options.allowHosts }),
        ...(options.trustProxy !== undefined && { trustProxy: options.trustProxy }),
      },
    )
    const { hub } = server
    let anyLetters = false
    letters = () => {
      anyLetters = true
    }
    feed?.start()
    every.push(
      repeat(CHANGES_MS, ended.signal, async () => {
        const { cameras, episodes } = live.changes(Date.now() / 1000)
        if (cameras.length > 0) hub.publish('cameras', cameras)
        if (episodes.length > 0) hub.publish('episodes', episodes)
        if (anyLetters) hub.publish('letters', {})
        anyLetters = false
      }),
      repeat(LIBRARY_MS, ended.signal, async () => {
        if (!(await library?.refresh())) return
        hub.publish('library', {})
        search.refresh()
      }),
      repeat(INDEX_MS, ended.signal, async () => search.look()),
      repeat(HEALTH_MS, ended.signal, async () => {
        if (hub.pages === 0) return
        await operations.refresh()
        hub.publish('health', health())
      }),
    )
    if (kafka !== undefined) every.push(...tell(options, kafka, { log, metrics }, ended.signal))
    await operations.refresh()
    const notes = notesOf(library, roots)
    onServing?.({ address: server.address, ...(made !== undefined && { madeToken: made }), notes })
    await aborted(signal)
    await server.close()
  } finally {
    ended.abort()
    await Promise.all(every)
    await feed?.close()
    await search.close()
    await pictures.close()
    await places.close()
  }
}

/** Webhooks beside the page; a broker that is away is waited for. */
function tell(
  { receivers = [], webhookTries: tries = TRIES }: ServeOptions,
  kafka: KafkaOptions,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics | undefined },
  signal: AbortSignal,
): readonly Promise<void>[] {
  if (receivers.length === 0) return []
  return [
    persist(
      async () => {
        const options = { ...kafka, receivers, from: 'now', tries, sessionTimeout: SESSION_SECONDS } as const
        await alerts(options, { signal, log, ...(metrics !== undefined && { metrics }) })
      },
      patience({
        signal,
        onWait: ({ code, message }) =>
          log.warn({ code, reason: message }, 'webhooks are not told; trying again'),
      }),
    ).catch(() => undefined),
  ]
}

async function tokenFor({
  host,
  token,
  tokenFile,
}: ServeOptions): Promise<{ token?: string; made?: string }> {
  if (token !== undefined) return { token }
  if (tokenFile !== undefined) {
    const text = await readFile(tokenFile, 'utf8').catch((cause: unknown) => {
      throw new StanflowError('CONFIG_INVALID', `The token file ${tokenFile} cannot be read.`, { cause })
    })
    const read = text.trim()
    if (read === '') throw new StanflowError('CONFIG_INVALID', `The token file ${tokenFile} is empty.`)
    return { token: read }
  }
  if (isLoopback(host)) return {}
  const made = newToken()
  return { token: made, made }
}

/** The root of a file system is where nobody chose to be. */
function rootsOf({ results, media = [] }: ServeOptions): readonly string[] {
  const here = resolve('.')
  return [...(results === undefined ? [] : [results]), ...(here === resolve('/') ? [] : [here]), ...media]
}

function notesOf(library: ResultsLibrary | undefined, roots: Roots): readonly string[] {
  if (library === undefined) return []
  const facts = library.facts()
  if (facts?.error !== null && facts !== null) return [`The results cannot be read: ${facts.error}`]
  if (facts?.videos === 0) return [`There are no results in ${facts.place} yet; they show up once there are.`]
  const paths = library.paths
  const hidden = paths.filter((path) => roots.refuses(path) !== undefined)
  if (hidden.length === 0) return []
  return [
    `${hidden.length} of ${paths.length} videos lie outside of the folders that may be shown, such as ${hidden[0]}: add --media FOLDER to play them.`,
  ]
}

async function repeat(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await work()
    await sleep(ms, undefined, { signal }).catch(() => undefined)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
