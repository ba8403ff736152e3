import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TestCamera } from '../../support/camera.js'
import { camera, eventually, ingestOptions, RunningIngest } from '../../support/ingest.js'
import { Fleet } from '../fleet.js'
import { Topics } from './topics.js'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

export interface SplitOptions {
  readonly cameras: number
  readonly seconds: number
  /** Seconds from one kill -9 of the consumer to the next. */
  readonly killEvery: number
  readonly say: (line: string) => void
}

export interface SplitReport {
  readonly clips: number
  readonly kills: number
  readonly once: number
  readonly missing: number
  readonly twice: number
  readonly strange: number
}

/** Pictures by ingest, results by a consumer that is killed over and over. */
export async function split({ cameras: count, seconds, killEvery, say }: SplitOptions): Promise<SplitReport> {
  const topics = await Topics.start()
  const source = await TestCamera.start({ size: '320x180' })
  const fleet = new Fleet()
  const { brokers, prefix } = topics
  const to = { kind: 'clips', kafka: { brokers: [brokers] }, prefix, quality: 90 } as const
  const cameras = Array.from({ length: count }, (_, n) => camera(`c${n}`, source.url))
  const running = new RunningIngest(ingestOptions(cameras, { to }))
  try {
    const env = {
      ...process.env,
      STANFLOW_BROKERS: brokers,
      STANFLOW_PREFIX: prefix,
      STANFLOW_SESSION_TIMEOUT: '6s',
    }
    const args = [MAIN, 'consume', '--labels', 'a red square, a blue circle', '--attempts', '1000']
    fleet.start({ name: 'consumer', args, env })
    for (let at = 0; at < seconds; at += killEvery) {
      await sleep(Math.min(killEvery, seconds - at) * 1000)
      fleet.kill('consumer')
      say(`consumer killed, ${fleet.counts.kills} times so far`)
    }
    const { cameras: counts } = await running.stop()
    const delivered = counts.reduce((sum, one) => sum + one.delivered, 0)
    const key = (one: { readonly source: string; readonly start: number }): string =>
      `${one.source} ${one.start}`
    const clips = (await topics.all('clips', 'clip')).map(key)
    say(`${delivered} clips delivered, ${clips.length} in the topic; waiting for their results`)
    let results: string[] = []
    let isChecking = false
    await eventually(
      () => {
        if (results.length >= clips.length) return true
        if (isChecking) return false
        isChecking = true
        const reading = topics.all('embeddings', 'embedding').then((records) => {
          results = records.map(key)
        })
        reading
          .catch((error: unknown) => say(`the results cannot be read: ${String(error)}`))
          .finally(() => {
            isChecking = false
          })
        return false
      },
      240,
      () => `${results.length} of ${clips.length}\n${fleet.said.slice(-5).join('\n')}`,
    )
    const times = new Map<string, number>()
    for (const one of results) times.set(one, (times.get(one) ?? 0) + 1)
    return {
      ...{ clips: clips.length, kills: fleet.counts.kills },
      once: clips.filter((one) => times.get(one) === 1).length,
      missing: clips.filter((one) => !times.has(one)).length,
      twice: [...times.values()].filter((n) => n > 1).length,
      strange: [...times.keys()].filter((one) => !clips.includes(one)).length,
    }
  } finally {
    await running.stop().catch(() => undefined)
    await fleet.stop()
    await source.stop()
    await topics.stop()
  }
}
