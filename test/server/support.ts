import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ResultsLibrary } from '../../pipelines/serve/library.js'
import { DecodedPictures } from '../../pipelines/serve/pictures.js'
import { type ServeOptions, type Serving, serve } from '../../pipelines/serve.js'
import { Folder } from '../../src/connect/files/folder-blobs.js'
import { readStart } from '../../src/connect/files/read-start.js'
import { openFileStore } from '../../src/connect/files/store.js'
import type { Recipe } from '../../src/connect/store.js'
import { StanflowError } from '../../src/errors.js'
import { renderVideo } from '../../src/media/encode.js'
import { type EventSeen, Live } from '../../src/server/live.js'
import { Roots } from '../../src/server/roots.js'
import { type RunningServer, type ServerOptions, startServer } from '../../src/server/server.js'

const RECIPE: Recipe = {
  modelDigest: '12'.repeat(32),
  dim: 2,
  sampling: { kind: 'window', frames: 2, length: 1, stride: 1 },
  model: { name: 'tiny', structure: 'mean', precision: 'fp32', random: true },
  labelSetDigest: '34'.repeat(32),
}

/** A source and the file that its stored result names. */
export interface Stored {
  readonly source: string
  readonly path: string
  readonly label?: string
  /** Default: as many as the file has. */
  readonly bytes?: number
}

/** A folder of its own with videos, and results that name them. */
export class Home {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  static async make(): Promise<Home> {
    const home = new Home(await mkdtemp(join(tmpdir(), 'stanflow-server-')))
    await mkdir(home.at('videos'))
    return home
  }

  at(...names: readonly string[]): string {
    return join(this.dir, ...names)
  }

  /** A three seconds' video under that name. */
  async video(...names: readonly string[]): Promise<string> {
    const path = this.at(...names)
    await mkdir(join(path, '..'), { recursive: true })
    await renderVideo(path, { filter: 'testsrc2=size=160x90:rate=10:duration=3', codec: 'h264', gop: 10 })
    return path
  }

  /** Results of three clips of each source; answers with their folder. */
  async results(stored: readonly Stored[]): Promise<string> {
    const dir = this.at('out')
    const options = { dir, recipe: RECIPE, format: 'jsonl', checkpointSeconds: 60, version: '0.0.0' } as const
    const store = await openFileStore(options)
    for (const { source, path, label = 'a wall', bytes } of stored) {
      const facts = await stat(path).catch(() => undefined)
      const video = {
        source,
        path,
        bytes: bytes ?? facts?.size ?? 1,
        modifiedMs: 0,
        fingerprint: 'ab'.repeat(32),
      }
      const clips = [0, 1, 2].map((index) => ({
        ...{ clipId: `${source} ${index}`, source, clipIndex: index, start: index, end: index + 1 },
        ...{ frameTimes: [index + 0.25, index + 0.75], modelDigest: RECIPE.modelDigest },
        ...{ vector: Float32Array.of(1, 0), labels: [{ label, score: 0.9, similarity: 0.3 }] },
      }))
      await store.write(video, clips)
      await store.finish(video, clips.length)
    }
    await store.fail(
      { source: 'bad.mp4', path: '/nowhere/bad.mp4' },
      new StanflowError('MEDIA_DECODE', 'bad.mp4 is damaged.'),
    )
    await store.close()
    return dir
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true })
  }
}

export interface Started {
  readonly server: RunningServer
  readonly live: Live
  readonly close: () => Promise<void>
}

/** The server over such results, without a broker: what messages would say is told to `live`. */
export async function startOver(
  results: string,
  roots: readonly string[],
  options: Partial<ServerOptions> = {},
): Promise<Started> {
  const library = new ResultsLibrary(new Folder(results))
  await library.refresh()
  const live = new Live(30)
  const pictures = await DecodedPictures.open()
  const server = await startServer(
    {
      ...{ live, isLive: true, library, pictures, roots: await Roots.of(roots) },
      search: {
        status: () => ({ ready: true, what: '' }),
        timeline: async () => undefined,
        find: async ({ q, top }) => {
          if (q === 'boom') throw new Error('inside /some/file.js')
          const moment = { source: 'a.mp4', start: 0, end: 1, best: 0.5, score: 0.5, label: null }
          return { moments: [moment].slice(0, top), model: null, note: null }
        },
      },
      letters: { list: async () => ({ letters: [], waiting: 0, retriable: 0 }), retry: async () => 7 },
      health: () => ({
        ...{ version: '0', startedAt: new Date().toISOString(), results: library.facts(), kafka: null },
        ...{ search: { ready: true, what: '' }, deadLetters: { waiting: 0 } },
        throughput: { perMinute: 0, buckets: [], bucketSeconds: 10 },
      }),
      head: readStart,
      read: async () => {
        throw new StanflowError('S3_CREDENTIALS', 'No bucket is reached in this test.')
      },
      reach: async () => {
        throw new StanflowError('S3_CREDENTIALS', 'No bucket is reached in this test.')
      },
    },
    { host: '127.0.0.1', port: 0, ...options },
  )
  const close = async (): Promise<void> => {
    await server.close()
    await pictures.close()
  }
  return { server, live, close }
}

/** An event as a rule would send it. */
export const event = (facts: Partial<EventSeen>): EventSeen => ({
  ...{
    event_id: 'e1',
    episode_id: 'p1',
    source: 'camera:hall',
    kind: 'rule-opened',
    start: 1.7e9,
    end: null,
  },
  ...{
    rule: 'falls',
    label: 'a person falls',
    peak: 0.9,
    thumbnail: null,
    video: null,
    code: null,
    detail: null,
  },
  ...facts,
})

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly json: () => unknown
}

/** A request as it is: path and headers go out untouched, where fetch would tidy them up. */
export function ask(
  address: string,
  path: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options
  const { hostname, port } = new URL(address)
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const all = Buffer.concat(chunks)
        resolve({
          ...{ status: response.statusCode ?? 0, headers: response.headers, body: all },
          json: () => JSON.parse(all.toString()),
        })
      })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

export const codeOf = (answer: Answer): string =>
  (answer.json() as { readonly error?: { readonly code?: string } }).error?.code ?? ''

/** The whole of `stanflow serve`, as a person starts it. */
export async function serving(
  options: Partial<ServeOptions>,
): Promise<{ readonly shown: Serving; readonly stop: () => Promise<void> }> {
  const ended = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const shown = await new Promise<Serving>((resolve, reject) => {
    running = serve(
      { host: '127.0.0.1', port: 0, quietAfter: 30, ...options },
      { signal: ended.signal, onServing: resolve },
    )
    running.catch(reject)
  })
  return {
    shown,
    stop: async () => {
      ended.abort()
      await running
    },
  }
}
