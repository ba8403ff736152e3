import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import { promisify } from 'node:util'
import { loadLibrary } from '../src/connect/kafka/confluent/library.js'
import { type EngineReport, PRECISIONS, type Precision } from '../src/engine/engine.js'
import { probeEngines, quickest } from '../src/engine/select.js'
import { findFfmpeg } from '../src/media/ffmpeg/find.js'
import { probeNodeAv } from '../src/media/node-av/probe-library.js'
import { lookAtServers, type Servers } from './doctor-servers.js'
import type { Finding } from './finding.js'

/** What this machine has for stanflow. */
export interface Diagnosis {
  readonly machine: readonly Finding[]
  readonly engines: readonly EngineReport[]
  /** What `--engine auto` takes for each precision, such as `openvino on cpu`; absent where nothing computes it. */
  readonly auto: Readonly<Partial<Record<Precision, string>>>
  readonly readers: readonly Finding[]
  readonly kafkaClients: readonly Finding[]
  readonly servers: readonly Finding[]
}

/** Looks at everything a pipeline may use; changes nothing and never throws. */
export async function diagnose(where: Servers): Promise<Diagnosis> {
  const [machine, engines, readers, kafkaClients, servers] = await Promise.all([
    lookAtMachine(),
    probeEngines(),
    lookAtReaders(),
    lookAtClients(),
    lookAtServers(where),
  ])
  const auto = PRECISIONS.map((precision) => [precision, quickest(engines, precision)] as const)
  const choices = auto.filter(([, way]) => way !== undefined)
  return { machine, engines, auto: Object.fromEntries(choices), readers, kafkaClients, servers }
}

const run = promisify(execFile)

/** Processor features that engines make use of, by their names in /proc/cpuinfo. */
const FEATURES = ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_tile', 'amx_int8', 'amx_bf16']

async function lookAtMachine(): Promise<readonly Finding[]> {
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const flags = new Set((/^flags\s*:(.*)$/m.exec(info)?.[1] ?? '').trim().split(' '))
  const features = FEATURES.filter((feature) => flags.has(feature))
  const model = cpus()[0]?.model.trim() ?? 'unknown'
  const cards = await graphicsCards()
  return [
    { name: 'node', ok: true, detail: `${process.version} on ${process.platform} ${process.arch}` },
    {
      name: 'processor',
      ok: true,
      detail: [model, `${availableParallelism()} cores`, ...features].join(', '),
    },
    { name: 'memory', ok: true, detail: `${gib(totalmem())}, ${gib(freemem())} free` },
    cards.length > 0
      ? { name: 'graphics', ok: true, detail: cards.join('; ') }
      : {
          name: 'graphics',
          ok: false,
          detail: 'no NVIDIA card was found',
          hint: 'The processor computes. With a card, install its driver, so that nvidia-smi lists it.',
        },
  ]
}

async function graphicsCards(): Promise<readonly string[]> {
  const query = ['--query-gpu=index,name,memory.total,driver_version', '--format=csv,noheader']
  const answer = await run('nvidia-smi', query, { timeout: 10_000 }).catch(() => undefined)
  return (answer?.stdout ?? '').split('\n').flatMap((line) => {
    const [index, name, memory, driver] = line.split(', ')
    return driver === undefined ? [] : [`card ${index}: ${name}, ${memory}, driver ${driver}`]
  })
}

async function lookAtReaders(): Promise<readonly Finding[]> {
  const [programs, library] = await Promise.all([findFfmpeg(), probeNodeAv()])
  return [
    programs === undefined
      ? {
          name: 'ffmpeg',
          ok: false,
          detail: 'neither in FFMPEG_PATH nor in PATH',
          hint: 'apt-get install ffmpeg. node-av serves meanwhile.',
        }
      : { name: 'ffmpeg', ok: true, detail: `${programs.version}, ${programs.ffmpeg}` },
    library.version === undefined
      ? { name: 'node-av', ok: false, detail: library.error, hint: 'Run `npm ci` again.' }
      : { name: 'node-av', ok: true, detail: `FFmpeg ${library.version}'s libraries, in its own package` },
  ]
}

async function lookAtClients(): Promise<readonly Finding[]> {
  const confluent = await loadLibrary().then(
    ({ librdkafkaVersion }) => ({ ok: true, detail: `librdkafka ${librdkafkaVersion}` }),
    () => ({ ok: false, detail: 'not installed; only --kafka-client confluent needs it' }),
  )
  return [
    { name: 'kafkajs', ok: true, detail: 'part of stanflow' },
    { name: 'confluent', ...confluent },
  ]
}
