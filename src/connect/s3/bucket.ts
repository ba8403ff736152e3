import { StanflowError } from '../../errors.js'
import type { Blobs, Held, Lock } from '../blobs.js'
import type { S3 } from './client.js'
import { liveHolder, takeLock } from './lock.js'
import { folderKey, parseS3, type S3Place, s3Uri } from './uri.js'

/** Objects under a prefix of a bucket. A PUT is whole or not at all; conditions are the server's own. */
export class Bucket implements Blobs {
  readonly location: string
  readonly #s3: S3
  readonly #root: S3Place

  /** `uri`: `s3://bucket/prefix`, with or without a slash at its end. */
  constructor(s3: S3, uri: string) {
    const { bucket, key } = parseS3(uri)
    this.#s3 = s3
    this.#root = { bucket, key: folderKey(key) }
    this.location = s3Uri(this.#root)
  }

  at(name: string): string {
    return s3Uri(this.#place(name))
  }

  /** A bucket is there or not; that it may be listed is soon seen. */
  async open(): Promise<void> {
    for await (const _ of this.#s3.list(this.#root, 1)) return
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    return (await this.#s3.get(this.#place(name)))?.body
  }

  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    await this.#s3.put(this.#place(name), bytes)
  }

  async create(name: string, bytes: Uint8Array | string): Promise<boolean> {
    return (await this.#s3.put(this.#place(name), bytes, { ifNoneMatch: '*' })) !== undefined
  }

  remove(name: string): Promise<void> {
    return this.#s3.remove(this.#place(name))
  }

  list(folder: string): AsyncIterable<string> {
    return this.#names(folderKey(folder))
  }

  async names(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    for await (const name of this.#names(prefix)) if (!name.includes('/')) names.push(name)
    return names
  }

  /** Uploads in parts that were never completed are paid for, and shown nowhere. */
  async sweep(): Promise<number> {
    let removed = 0
    try {
      for await (const { key, id } of this.#s3.uploads(this.#root)) {
        await this.#s3.abortUpload({ ...this.#root, key }, id)
        removed += 1
      }
    } catch (error) {
      // Tidiness is no reason to refuse work where this user may not see them, or the server keeps no such list.
      if (!(error instanceof StanflowError) || !['S3_FORBIDDEN', 'S3_REFUSED'].includes(error.code))
        throw error
    }
    return removed
  }

  lock(name: string, run: string): Promise<Lock> {
    return takeLock(this.#s3, this.#place(name), run)
  }

  async holders(prefix: string): Promise<readonly Held[]> {
    const names = await this.names(prefix)
    const held = await Promise.all(
      names.map(async (name) => {
        const holder = await liveHolder(this.#s3, this.#place(name))
        return holder === undefined ? [] : [{ name, ...holder }]
      }),
    )
    return held.flat()
  }

  #place(name: string): S3Place {
    return { bucket: this.#root.bucket, key: this.#root.key + name }
  }

  async *#names(prefix: string): AsyncGenerator<string> {
    for await (const { key } of this.#s3.list(this.#place(prefix))) yield key.slice(this.#root.key.length)
  }
}
