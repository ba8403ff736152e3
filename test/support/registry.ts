import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, ServerProcess } from './child.js'

/** Fetched by infra/servers.sh. */
const DIR = fileURLToPath(new URL('../../../.cache/kafka/apicurio-3.0.9', import.meta.url))
const READY_MS = 180_000

/** A real schema registry (Apicurio, in memory) on a free port of 127.0.0.1. */
export class Registry {
  /** Where it speaks Confluent's protocol. */
  readonly url: string
  readonly #process: ServerProcess

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}/apis/ccompat/v7`
    const settings = [
      `-Dquarkus.http.port=${port}`,
      '-Dquarkus.http.host=127.0.0.1',
      '-Dquarkus.log.level=WARN',
    ]
    this.#process = new ServerProcess(
      ['java', '-XX:TieredStopAtLevel=1', '-Xmx384m', '-XX:+UseSerialGC', ...settings].concat([
        '-jar',
        'apicurio-registry-app-3.0.9-runner.jar',
      ]),
      { cwd: DIR },
    )
  }

  static async start(): Promise<Registry> {
    await stat(DIR).catch(() => {
      throw new Error(`${DIR} is missing: run infra/servers.sh.`)
    })
    const registry = new Registry(await freePort())
    const deadline = Date.now() + READY_MS
    while (!(await fetch(`${registry.url}/subjects`).catch(() => undefined))?.ok) {
      if (!registry.#process.running || Date.now() > deadline) {
        throw new Error(`the schema registry does not come up: ${registry.#process.said}`)
      }
      await sleep(100)
    }
    return registry
  }

  stop(): Promise<void> {
    return this.#process.kill()
  }
}
