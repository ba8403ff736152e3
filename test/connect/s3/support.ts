import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { S3 } from '../../../src/connect/s3/client.js'
import { RangeProxy, type RemoteFile } from '../../../src/connect/s3/range-proxy.js'
import { type S3Server, s3Server } from '../../support/s3.js'

/** A bucket of the test server, and a proxy over it. */
export class Bucket {
  readonly server: S3Server
  readonly s3: S3
  readonly name: string
  readonly #proxy: RangeProxy

  private constructor(server: S3Server, s3: S3, name: string, proxy: RangeProxy) {
    this.server = server
    this.s3 = s3
    this.name = name
    this.#proxy = proxy
  }

  static async make(): Promise<Bucket> {
    const server = await s3Server()
    const s3 = new S3(server.settings)
    return new Bucket(server, s3, await server.bucket(), await RangeProxy.start(s3))
  }

  at(key: string): { bucket: string; key: string } {
    return { bucket: this.name, key }
  }

  /** Uploads a file under its own name and opens it for a reader. */
  async open(path: string): Promise<RemoteFile> {
    const body = await readFile(path)
    const place = this.at(basename(path))
    const etag = (await this.s3.put(place, body)) ?? ''
    return this.#proxy.open(place, { bytes: body.length, etag })
  }

  async close(): Promise<void> {
    await this.#proxy.close()
    this.s3.close()
  }
}
