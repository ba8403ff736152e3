import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, ServerProcess } from './child.js'

/** Built by infra/servers.sh. */
const PROGRAM = fileURLToPath(new URL('../../../.cache/bin/versitygw-1.8.0', import.meta.url))
const KEY = 'stanflow-test-key'
const SECRET = 'stanflow-test-secret'
const REGION = 'us-east-1'
const READY_MS = 60_000

/** A real S3 server (versitygw over a folder) on a free port of 127.0.0.1. */
export class S3Server {
  readonly endpoint: string
  /** Its buckets are folders in here, its objects files. */
  readonly dir: string
  readonly #process: ServerProcess
  #buckets = 0

  private constructor(port: number, dir: string) {
    this.endpoint = `http://127.0.0.1:${port}`
    this.dir = dir
    this.#process = new ServerProcess(
      [PROGRAM, '--quiet', '--keep-alive', '--health', '/health', '--port', `127.0.0.1:${port}`]
        .concat(['--region', REGION, '--iam-dir', join(dir, 'iam')])
        .concat(['posix', join(dir, 'data')]),
      { env: { ROOT_ACCESS_KEY: KEY, ROOT_SECRET_KEY: SECRET } },
    )
  }

  /** @throws Error with what the server said where it does not come up */
  static async start(): Promise<S3Server> {
    await stat(PROGRAM).catch(() => {
      throw new Error(`${PROGRAM} is missing: run infra/servers.sh.`)
    })
    // Between finding a free port and listening on it another may take it.
    for (let tries = 3; ; tries--) {
      const dir = await mkdtemp(join(tmpdir(), 'stanflow-s3-'))
      await mkdir(join(dir, 'data'))
      await mkdir(join(dir, 'iam'))
      const server = new S3Server(await freePort(), dir)
      if (await server.#isReady()) return server
      await server.stop()
      if (tries === 1) throw new Error(`versitygw does not come up: ${server.#process.said}`)
    }
  }

  /** What a process needs to use it by the standard credential chain. */
  get env(): Readonly<Record<string, string>> {
    return {
      AWS_ENDPOINT_URL_S3: this.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: KEY,
      AWS_SECRET_ACCESS_KEY: SECRET,
      // A developer's own profile must not get into it.
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
    }
  }

  /** What a client in this process needs to use it. */
  get settings(): {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  } {
    const credentials = { accessKeyId: KEY, secretAccessKey: SECRET }
    return { endpoint: this.endpoint, region: REGION, credentials }
  }

  /** A new, empty bucket: a folder is one. */
  async bucket(): Promise<string> {
    this.#buckets += 1
    const name = `bucket-${this.#buckets}`
    await mkdir(join(this.dir, 'data', name))
    return name
  }

  /** Where an object's bytes lie. */
  file(bucket: string, key: string): string {
    return join(this.dir, 'data', bucket, key)
  }

  /** A user with no rights but those given to it, and what a process needs to be that user. */
  async user(): Promise<Readonly<Record<string, string>>> {
    await promisify(execFile)(PROGRAM, [
      ...['admin', '--access', KEY, '--secret', SECRET, '--region', REGION, '--endpoint-url', this.endpoint],
      ...['create-user', '--access', 'nobody', '--secret', 'nobodys-secret', '--role', 'user'],
    ])
    return { ...this.env, AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nobodys-secret' }
  }

  async stop(): Promise<void> {
    await this.#process.stop()
    await rm(this.dir, { recursive: true, force: true })
  }

  async #isReady(): Promise<boolean> {
    const deadline = Date.now() + READY_MS
    while (Date.now() < deadline) {
      const answer = await fetch(`${this.endpoint}/health`).catch(() => undefined)
      if (answer?.ok) return true
      await sleep(20)
    }
    return false
  }
}
