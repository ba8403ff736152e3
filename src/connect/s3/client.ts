import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { StanflowError } from '../../errors.js'
import { isMissing, isPreconditionFailed, s3Error } from './errors.js'
import { type S3Place, s3Uri } from './uri.js'

/** How to reach S3. What is not given, the AWS SDK's own chain decides: environment, profile, role. */
export interface S3Settings {
  /** URL of a server that is not AWS's; default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile, AWS. */
  readonly endpoint?: string
  /** Default: AWS_REGION, the profile; `us-east-1` with an endpoint. */
  readonly region?: string
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. Default: with an endpoint that is not AWS's. */
  readonly pathStyle?: boolean
  /** Seconds without an answer, or without a byte of it, after which a call is tried again. Default 30. */
  readonly timeoutSeconds?: number
  /** Of a call, before it fails; AWS_MAX_ATTEMPTS counts more. Default 10. */
  readonly attempts?: number
  /** For callers that have their own; default: the standard chain. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface ObjectFacts {
  readonly key: string
  readonly bytes: number
  /** As the server writes it, quotes included. */
  readonly etag: string
  readonly modifiedMs: number
}

/** Tries of a call; waits between them grow to 20 s, with jitter: about half a minute in all. */
const ATTEMPTS = 10
const LARGE = 16 * 1024 * 1024
const PART = 8 * 1024 * 1024
const SOCKETS = 64

/**
 * The calls stanflow makes of S3, with retries, timeouts and errors that say what to do. Every method throws
 * StanflowError S3_*, OUTPUT_FULL or, where the signal aborts, its reason.
 */
export class S3 {
  readonly #client: S3Client
  readonly #timeoutMs: number

  constructor(settings: S3Settings = {}) {
    const { timeoutSeconds = 30, attempts = ATTEMPTS, credentials } = settings
    const { env } = process
    // It would warn of Node versions that will be too old one day, amid the progress lines.
    env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
    const endpoint = settings.endpoint ?? env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
    const region = settings.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION
    const isForeign = endpoint !== undefined && !/\.amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(endpoint)
    this.#timeoutMs = timeoutSeconds * 1000
    this.#client = new S3Client({
      ...(endpoint !== undefined && { endpoint }),
      ...(region !== undefined ? { region } : isForeign ? { region: 'us-east-1' } : {}),
      ...(credentials !== undefined && { credentials }),
      forcePathStyle: settings.pathStyle ?? isForeign,
      // A bucket of AWS's elsewhere: asked again where it says it is.
      followRegionRedirects: true,
      retryMode: 'standard',
      maxAttempts: Number(env.AWS_MAX_ATTEMPTS) || attempts,
      requestHandler: {
        connectionTimeout: Math.min(this.#timeoutMs, 10_000),
        requestTimeout: this.#timeoutMs,
        throwOnRequestTimeout: true,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
      },
    })
  }

  /** Objects whose keys begin with `place.key`, in key order, page by page; `limit`: a single page of so many. */
  async *list(place: S3Place, limit?: number, signal?: AbortSignal): AsyncGenerator<ObjectFacts> {
    let token: string | undefined
    do {
      const page = await this.#call(`Cannot list ${s3Uri(place)}`, signal, (abortSignal) =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: place.bucket,
            Prefix: place.key,
            ...(limit !== undefined && { MaxKeys: limit }),
            ...(token !== undefined && { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      )
      for (const { Key = '', Size = 0, ETag = '', LastModified } of page.Contents ?? []) {
        yield { key: Key, bytes: Size, etag: ETag, modifiedMs: LastModified?.getTime() ?? 0 }
      }
      token = limit === undefined && page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  /** `undefined` where there is no such object. */
  async head(place: S3Place, signal?: AbortSignal): Promise<ObjectFacts | undefined> {
    const request = new HeadObjectCommand({ Bucket: place.bucket, Key: place.key })
    return this.#unlessMissing(`Cannot look at ${s3Uri(place)}`, signal, async (abortSignal) => {
      const { ContentLength = 0, ETag = '', LastModified } = await this.#client.send(request, { abortSignal })
      const facts = { key: place.key, bytes: ContentLength, etag: ETag }
      return { ...facts, modifiedMs: LastModified?.getTime() ?? 0 }
    })
  }

  /** A whole, small object; `undefined` where there is none. */
  async get(
    place: S3Place,
    signal?: AbortSignal,
  ): Promise<(ObjectFacts & { readonly body: Uint8Array }) | undefined> {
    const request = new GetObjectCommand({ Bucket: place.bucket, Key: place.key })
    return this.#unlessMissing(`Cannot read ${s3Uri(place)}`, signal, async (abortSignal) => {
      const {
        Body,
        ContentLength,
        ETag = '',
        LastModified,
      } = await this.#client.send(request, { abortSignal })
      const body = await this.#body(Body as Readable, ContentLength)
      return {
        ...{ key: place.key, bytes: body.length, etag: ETag },
        modifiedMs: LastModified?.getTime() ?? 0,
        body,
      }
    })
  }

  /**
   * Bytes `[start, end)` of an object, those there are.
   * @throws StanflowError INPUT_CHANGED where the object has another ETag by now
   */
  async range(
    place: S3Place,
    [start, end]: readonly [number, number],
    etag: string | undefined,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const request = new GetObjectCommand({
      Bucket: place.bucket,
      Key: place.key,
      Range: `bytes=${start}-${end - 1}`,
      ...(etag !== undefined && { IfMatch: etag }),
    })
    try {
      return await this.#call(`Cannot read ${s3Uri(place)}`, signal, async (abortSignal) => {
        const answer = await this.#client.send(request, { abortSignal })
        return this.#body(answer.Body as Readable, answer.ContentLength)
      })
    } catch (error) {
      if (error instanceof StanflowError && isPreconditionFailed(error.cause)) {
        throw new StanflowError('INPUT_CHANGED', `${s3Uri(place)} changed while it was read.`, {
          cause: error.cause,
        })
      }
      throw error
    }
  }

  /**
   * Stores an object, whole or not at all; large ones in parts. With `ifMatch` or `ifNoneMatch` it answers
   * `undefined`, and nothing is stored, where the condition does not hold.
   * @returns the new ETag
   */
  async put(
    place: S3Place,
    body: Uint8Array | string,
    condition: { readonly ifMatch?: string; readonly ifNoneMatch?: '*' } = {},
  ): Promise<string | undefined> {
    const { ifMatch, ifNoneMatch } = condition
    const params = {
      ...{ Bucket: place.bucket, Key: place.key, Body: typeof body === 'string' ? Buffer.from(body) : body },
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
    }
    try {
      if (body.length <= LARGE) return (await this.#client.send(new PutObjectCommand(params))).ETag ?? ''
      const upload = new Upload({ client: this.#client, params, partSize: PART, queueSize: 2 })
      return (await upload.done()).ETag ?? ''
    } catch (error) {
      if (isPreconditionFailed(error)) return undefined
      const failure = s3Error(`Cannot write ${s3Uri(place)}`, error)
      if (ifMatch !== undefined && isMissing(failure)) return undefined
      throw failure
    }
  }

  /** Whether or not there is such an object. */
  async remove(place: S3Place): Promise<void> {
    await this.#call(`Cannot remove ${s3Uri(place)}`, undefined, () =>
      this.#client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key: place.key })),
    )
  }

  /** Uploads that were begun under a prefix and not ended, by key. */
  async *uploads(place: S3Place): AsyncGenerator<{ readonly key: string; readonly id: string }> {
    let after: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {}
    while (after !== undefined) {
      const request = { Bucket: place.bucket, Prefix: place.key, ...after }
      const page: ListMultipartUploadsCommandOutput = await this.#call(
        `Cannot list uploads to ${s3Uri(place)}`,
        undefined,
        () => this.#client.send(new ListMultipartUploadsCommand(request)),
      )
      for (const { Key = '', UploadId = '' } of page.Uploads ?? []) yield { key: Key, id: UploadId }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      after =
        IsTruncated === true && NextKeyMarker !== undefined
          ? {
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker !== undefined && { UploadIdMarker: NextUploadIdMarker }),
            }
          : undefined
    }
  }

  async abortUpload(place: S3Place, id: string): Promise<void> {
    await this.#call(`Cannot end an upload to ${s3Uri(place)}`, undefined, () =>
      this.#client.send(
        new AbortMultipartUploadCommand({ Bucket: place.bucket, Key: place.key, UploadId: id }),
      ),
    )
  }

  close(): void {
    this.#client.destroy()
  }

  async #unlessMissing<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.#call(what, signal, call)
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  }

  /** The SDK retries up to an answer's headers; what breaks while the body comes is tried again here. */
  async #call<T>(
    what: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await call(signal ?? new AbortController().signal)
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof BodyBroke)) throw s3Error(what, error)
        if (tries === ATTEMPTS) throw s3Error(what, error.cause)
        await sleep(Math.random() * Math.min(20_000, 100 * 2 ** tries), undefined, signal && { signal })
      }
    }
  }

  async #body(stream: Readable, length: number | undefined): Promise<Uint8Array> {
    const chunks: Buffer[] = []
    let bytes = 0
    const late = Object.assign(new Error(`no byte came for ${this.#timeoutMs / 1000} s`), {
      name: 'TimeoutError',
    })
    const timer = setTimeout(() => stream.destroy(late), this.#timeoutMs)
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        timer.refresh()
        chunks.push(chunk)
        bytes += chunk.length
      }
    } catch (error) {
      throw new BodyBroke(error)
    } finally {
      clearTimeout(timer)
    }
    if (length !== undefined && bytes < length) {
      throw new BodyBroke(Object.assign(new Error('the answer broke off'), { name: 'UnexpectedEnd' }))
    }
    return Buffer.concat(chunks, bytes)
  }
}

class BodyBroke extends Error {
  constructor(cause: unknown) {
    super('The body broke off.', { cause })
  }
}
