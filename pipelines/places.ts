import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Blobs } from '../src/connect/blobs.js'
import { type BadInput, type DiscoverOptions, discover } from '../src/connect/files/discover.js'
import { Folder } from '../src/connect/files/folder-blobs.js'
import { readStart } from '../src/connect/files/read-start.js'
import { Bucket } from '../src/connect/s3/bucket.js'
import { S3, type S3Settings } from '../src/connect/s3/client.js'
import { discoverS3 } from '../src/connect/s3/discover.js'
import { RangeProxy } from '../src/connect/s3/range-proxy.js'
import { isS3, parseS3 } from '../src/connect/s3/uri.js'
import type { Video } from '../src/domain.js'
import { StanflowError } from '../src/errors.js'

/** A video that a reader can open. */
export interface Reachable {
  /** For a reader: a local path, or a URL of this machine that serves the object by ranges. */
  readonly path: string
  /**
   * What an error of the reader really means: bytes that did not come look like a damaged video to it, and it knows the
   * video by a name that says nothing.
   */
  explain(error: unknown): unknown
  /** @throws StanflowError where bytes did not come, and frames read since are not what the video holds */
  check(): void
  /** Bytes that came over the network. */
  readonly fetched: number
  close(): void
}

/** Where videos and results can lie: folders of this machine, and buckets, which are reached once they are named. */
export class Places {
  readonly #settings: S3Settings
  #s3: S3 | undefined
  #proxy: Promise<RangeProxy> | undefined

  constructor(settings: S3Settings = {}) {
    this.#settings = settings
  }

  get s3(): S3 {
    this.#s3 ??= new S3(this.#settings)
    return this.#s3
  }

  /** Videos by paths, globs, lists and `s3://` URIs, in the order of the inputs. */
  discover(
    inputs: readonly string[],
    options: Omit<DiscoverOptions, 'elsewhere'>,
  ): AsyncGenerator<Video | BadInput> {
    const { root, signal } = options
    const elsewhere = (uri: string): AsyncGenerator<Video | BadInput> =>
      isS3(uri) ? discoverS3(this.s3, uri, { root, signal }) : unknownScheme(uri)
    return discover(inputs, { ...options, elsewhere })
  }

  /** Where results lie: a folder's path, or `s3://bucket/prefix`. */
  results(place: string): Blobs {
    return isS3(place) ? new Bucket(this.s3, place) : new Folder(place)
  }

  /**
   * So many first bytes of what lies at a URI, or all of it where there are fewer.
   * @throws StanflowError INPUT_*, S3_*
   */
  async read(uri: string, bytes: number): Promise<Uint8Array> {
    if (isS3(uri)) return this.s3.range(parseS3(uri), [0, bytes], undefined)
    return readStart(localPath(uri), bytes)
  }

  /** Whether the bucket that an object lies in answers at all, be it with a no. */
  async answers(uri: string): Promise<boolean> {
    try {
      const { bucket } = parseS3(uri)
      for await (const _ of this.s3.list({ bucket, key: '' }, 1)) break
      return true
    } catch (error) {
      return !(error instanceof StanflowError) || error.code !== 'S3_UNAVAILABLE'
    }
  }

  /** Makes a video readable, until it is closed. */
  async reach(video: Pick<Video, 'path' | 'bytes' | 'etag'>): Promise<Reachable> {
    if (!isS3(video.path)) {
      const explain = (error: unknown): unknown => error
      return { path: video.path, explain, check: () => undefined, fetched: 0, close: () => undefined }
    }
    this.#proxy ??= RangeProxy.start(this.s3)
    const { bytes, etag } = video
    const file = (await this.#proxy).open(parseS3(video.path), { bytes, ...(etag !== undefined && { etag }) })
    return {
      path: file.url,
      explain: (error) => file.failure ?? named(error, file.url, video.path),
      check: () => {
        if (file.failure !== undefined) throw file.failure
      },
      get fetched() {
        return file.fetched
      },
      close: () => file.close(),
    }
  }

  async close(): Promise<void> {
    await (await this.#proxy)?.close()
    this.#s3?.close()
  }
}

/** The error with the video's own name in it. */
function named(error: unknown, url: string, path: string): unknown {
  if (!(error instanceof StanflowError) || !error.message.includes(url)) return error
  const { code, hint, cause } = error
  return new StanflowError(code, error.message.replaceAll(url, path), { hint, cause })
}

async function* unknownScheme(uri: string): AsyncGenerator<BadInput> {
  const error = new StanflowError('INPUT_NOT_FOUND', `${uri} is neither a path nor in S3.`, {
    hint: 'Name local files, or s3://BUCKET/PREFIX.',
  })
  yield { source: uri, path: uri, error }
}

/** Other schemes are refused: a topic must not make a consumer fetch whatever someone names. */
export function localPath(uri: string): string {
  if (uri.startsWith('file://')) {
    try {
      return fileURLToPath(uri)
    } catch (cause) {
      throw new StanflowError('KAFKA_SCHEMA', `${uri} is no path of this machine.`, { cause })
    }
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri) || resolve(uri) !== uri) {
    throw new StanflowError('KAFKA_SCHEMA', `${uri} is neither an absolute path nor file:// nor s3://.`)
  }
  return uri
}
