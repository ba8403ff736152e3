import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { IngestSummary } from '../../../pipelines/ingest.js'
import { TestCamera } from '../../support/camera.js'
import { type Holding, holding } from './measure.js'
import { Topics } from './topics.js'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url))

export interface SoakOptions {
  readonly cameras: number
  readonly minutes: number
  /** Seconds that the flapping camera is there, and away. */
  readonly flap: number
  readonly say: (line: string) => void
}

export interface SoakReport {
  readonly samples: readonly (Holding & { readonly seconds: number })[]
  readonly summary: IngestSummary
  readonly exitCode: number | null
  /** Clips in the topic by camera, and how many of them are there twice. */
  readonly stored: ReadonlyMap<string, number>
  readonly twice: number
  readonly flaps: number
  readonly gaps: number
  /** What was still running of it after its end. */
  readonly leftOver: number
}

/** The command itself, with many cameras of which one comes and goes. */
export async function soak({ cameras: count, minutes, flap, say }: SoakOptions): Promise<SoakReport> {
  const topics = await Topics.start()
  const dir = await mkdtemp(join(tmpdir(), 'stanflow-soak-'))
  const [steady, flapping] = await Promise.all([TestCamera.start(), TestCamera.start()])
  const list = Array.from({ length: count }, (_, n) => {
    return { id: n === 0 ? 'flapping' : `steady-${n}`, url: n === 0 ? flapping.url : steady.url }
  })
  const file = join(dir, 'cameras.yaml')
  await writeFile(file, JSON.stringify({ labels: ['a red square', 'a blue circle'], cameras: list }))
  const args = [
    'ingest',
    '--cameras',
    file,
    '--to',
    `kafka://${topics.brokers}`,
    '--prefix',
    topics.prefix,
    '--json',
  ]
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, answer] = [text(child, 'stderr'), text(child, 'stdout')]
  const samples: (Holding & { readonly seconds: number })[] = []
  let flaps = 0
  try {
    const begun = performance.now()
    const seconds = (): number => (performance.now() - begun) / 1000
    let next = flap
    while (seconds() < minutes * 60 && child.exitCode === null) {
      await sleep(5000)
      const now = { ...(await holding(child.pid as number)), seconds: seconds() }
      samples.push(now)
      say(
        `${now.seconds.toFixed(0)} s: ${now.own.toFixed(0)} + ${now.children.toFixed(0)} MiB, ${now.processes} processes, ${now.sockets} sockets, ${now.files} files`,
      )
      if (seconds() < next) continue
      next = seconds() + flap
      if (flaps++ % 2 === 0) await flapping.kill()
      else await flapping.restart()
    }
    const gone = once(child, 'close')
    child.kill('SIGTERM')
    await gone
    for (const [what, times] of lossesOf(said())) say(`${times} times ${what}`)
    const summary = JSON.parse(answer()) as IngestSummary
    const records = await topics.all('embeddings', 'embedding')
    const stored = new Map<string, number>()
    for (const { source } of records) stored.set(source, (stored.get(source) ?? 0) + 1)
    const gaps = (await topics.all('events', 'event')).filter(({ kind }) => kind === 'camera-gap').length
    return {
      ...{ samples, summary, exitCode: child.exitCode, stored, flaps, gaps },
      twice: records.length - new Set(records.map(({ clip_id }) => clip_id)).size,
      leftOver: (await holding(child.pid as number)).processes,
    }
  } catch (error) {
    throw new Error(`${String(error)}\n${said().slice(-3000)}`)
  } finally {
    child.kill('SIGKILL')
    await Promise.all([steady.stop(), flapping.stop()])
    await topics.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

/** Why cameras other than the flapping one were lost, and how often. */
function lossesOf(log: string): Map<string, number> {
  const losses = new Map<string, number>()
  for (const line of log.split('\n').filter((one) => one.includes('"camera lost"'))) {
    const { camera, code, reason } = JSON.parse(line) as Record<'camera' | 'code' | 'reason', string>
    const what = `${camera === 'flapping' ? camera : 'steady'}: ${code} ${camera === 'flapping' ? '' : reason}`
    losses.set(what, (losses.get(what) ?? 0) + 1)
  }
  return losses
}

function text(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  let all = ''
  child[name]?.on('data', (chunk: Buffer) => {
    all = (all + chunk.toString()).slice(-1_000_000)
  })
  return () => all
}
