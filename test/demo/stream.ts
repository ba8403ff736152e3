import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeScenes } from '../../pipelines/scenes.js'
import { DEMO_SET, labelsOf, taskScenes } from '../../src/scenes/sets.js'
import { Broker } from '../support/broker.js'
import { query } from '../support/query.js'
import { Registry } from '../support/registry.js'
import { S3Server } from '../support/s3-server.js'

/** The whole picture on one machine: submit → consume, twice → archive → tail. Ends by itself, and leaves nothing running. */
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const WAIT_MS = 180_000

const say = (text: string): boolean => process.stdout.write(`${text}\n`)
const dir = await mkdtemp(join(tmpdir(), 'stanflow-demo-'))
const children: ChildProcess[] = []
say('starting a Kafka broker, a schema registry and an S3 server …')
const [broker, registry, s3] = await Promise.all([Broker.start(), Registry.start(), S3Server.start()])
const bucket = await s3.bucket()
const env = {
  ...process.env,
  ...s3.env,
  STANFLOW_BROKERS: broker.addresses.plain,
  STANFLOW_REGISTRY: registry.url,
  STANFLOW_SESSION_TIMEOUT: '10s',
  STANFLOW_LOG_LEVEL: 'warn',
}

async function stanflow(...args: string[]): Promise<string> {
  say(`\n$ stanflow ${args.join(' ')}`)
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env })
  say(stdout.trim())
  return stdout
}

function begin(...args: string[]): ChildProcess {
  say(`\n$ stanflow ${args.join(' ')} &`)
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  children.push(child)
  return child
}

async function finish(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
}

try {
  const videos = join(dir, 'videos')
  await writeScenes({ ...DEMO_SET, side: 320, to: videos, telling: true })
  say(`rendered ${DEMO_SET.count} videos`)
  await stanflow('topics', 'create', '--partitions', '4')
  const scenes = taskScenes(DEMO_SET.task, DEMO_SET.split, DEMO_SET.seed, DEMO_SET.count)
  const labels = labelsOf(scenes).join(', ')
  const sampling = ['--sample', 'window', '--window', '1s']
  const consumers = [1, 2].map(() => begin('consume', '--labels', labels, '--top', '2', ...sampling))
  const place = `s3://${bucket}/archive`
  const archiver = begin('archive', '--to', place, '--roll-time', '2s')
  const tail = begin('tail', 'labels', 'dead-letter', '--from', 'beginning')
  await stanflow('submit', videos, '--root', videos)

  const files = `${s3.file(bucket, 'archive')}/embeddings/**/*.parquet`
  const rows = () =>
    query<{ source: string; clips: number }>(
      `select source, count(*)::int clips from read_parquet('${files}') group by source order by source`,
    ).catch(() => [])
  const deadline = Date.now() + WAIT_MS
  let [last, since] = ['', Date.now()]
  // Done once every video has results in the archive and no more come.
  for (;;) {
    await sleep(500)
    const now = await rows()
    if (JSON.stringify(now) !== last) [last, since] = [JSON.stringify(now), Date.now()]
    if (now.length === DEMO_SET.count && Date.now() - since > 6000) break
    if (Date.now() > deadline) throw new Error(`only ${now.length} videos came through`)
  }
  for (const child of [...consumers, archiver, tail]) await finish(child)
  say(`\nIn ${place}, as DuckDB reads it:`)
  for (const { source, clips } of await rows()) say(`  ${source.padEnd(32)} ${clips} clips`)
} finally {
  for (const child of children) await finish(child)
  await Promise.all([broker.stop(), registry.stop(), s3.stop()])
  await rm(dir, { recursive: true, force: true })
}
