import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ERROR_CODES } from '../../../../src/errors.js'
import { TestCamera } from '../../../support/camera.js'
import {
  type Counts,
  type Door,
  type DoorReport,
  type DoorRun,
  noCounts,
  type PlantedFault,
} from '../door.js'
import { Random } from '../mutate.js'
import { PeakMemory } from '../peak-memory.js'
import { HostileCamera } from '../rtsp/hostile-camera.js'
import { type CameraStory, IngestRun } from '../rtsp/ingest-run.js'
import { drawKinds, type NamedKind } from '../rtsp/kinds.js'
import { STREAM_KINDS } from '../rtsp/streams.js'

/** Hostile cameras in one ingest, beside a good one. */
const CHUNK = 9
const GOOD = 'good'
/** What a batch lasts at least, so that what grows can grow, and at most: until something was said of each. */
const [LEAST_MS, MOST_MS] = [15_000, 60_000]
const READY_MS = 120_000
/** From SIGTERM to the end; an ingest gives itself less than 30 s. */
const STOP_MS = 45_000
/** A window a second. A machine that is busy may keep the neighbour from one or the other, not from more. */
const STRIDE = 1
const [LEAST_SHARE, MOST_GAP] = [0.6, 5]
/** Of an ingest with ten ffmpeg processes. */
const MOST_MIB = 2600

/** Faults of the process itself, not of its threads. */
const PLANTS: { readonly [Fault in PlantedFault]?: string } = {
  memory: `globalThis.held = Buffer.alloc(${MOST_MIB + 100} * 2 ** 20, 1)`,
  unnamed: 'console.error("what nobody thought of")',
}
const planting = (plant: string): string =>
  `import { isMainThread } from 'node:worker_threads'; if (isMainThread) ${plant}`

interface Mutant {
  readonly id: string
  readonly name: string
  readonly camera: HostileCamera
}

/** Answers of a real camera, mutated on their way to `stanflow ingest`, which has a good camera beside them. */
export const RTSP_DOOR: Door = {
  name: 'rtsp',
  standard: 530,
  short: 9,
  async run({ mutants, seed, say, planted }: DoorRun): Promise<DoorReport> {
    const home = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-rtsp-'))
    const random = new Random(seed)
    const peak = new PeakMemory()
    const counts = noCounts()
    const findings: string[] = []
    const codes = new Map<string, number>()
    const picture = { size: '160x90', rate: 10 }
    const [victim, good] = await Promise.all([TestCamera.start(picture), TestCamera.start(picture)])
    const kinds = drawKinds(mutants, random)
    try {
      for (let made = 0; made < mutants; made += CHUNK) {
        const some = await Promise.all(
          kinds.slice(made, made + CHUNK).map((kind, n) => hostile(victim, kind, made + n, random)),
        )
        // The neighbour is hostile itself then.
        const between =
          planted === 'neighbour'
            ? await HostileCamera.start(good.port, STREAM_KINDS['a stream that stops'] as NamedKind[1], seed)
            : undefined
        try {
          const neighbour = between?.port ?? good.port
          await writeFile(join(home, 'cameras.yaml'), camerasFile(some, neighbour))
          const found = await batch({ home, some, peak, planted, counts, codes })
          findings.push(...found)
          for (const line of found) say(line)
        } finally {
          await Promise.all([...some.map(({ camera }) => camera.stop()), between?.stop()])
        }
        say(
          `rtsp: ${made + some.length} of ${mutants}, ${Math.round(peak.mebibytes)} MiB, ${JSON.stringify(counts)}`,
        )
      }
      say(`rtsp: ${JSON.stringify(Object.fromEntries(codes))}`)
      const report = { door: 'rtsp', mutants, ...counts }
      return { ...report, worstMiB: peak.mebibytes, mostMiB: MOST_MIB, findings }
    } finally {
      await Promise.all([victim.stop(), good.stop()])
      await rm(home, { recursive: true, force: true })
    }
  },
}

async function hostile(
  { port }: TestCamera,
  [name, kind]: NamedKind,
  index: number,
  random: Random,
): Promise<Mutant> {
  const id = `m${String(index).padStart(4, '0')}`
  return { id, name, camera: await HostileCamera.start(port, kind, random.int(0x7fffffff)) }
}

/** Hostile cameras are asked with a password, so that challenges are answered. */
function camerasFile(some: readonly Mutant[], neighbour: number): string {
  const urls = [
    [GOOD, `rtsp://127.0.0.1:${neighbour}/cam`],
    ...some.map(({ id, camera }) => [id, `rtsp://view:secret@127.0.0.1:${camera.port}/cam`]),
  ]
  return `cameras:\n${urls.map(([id, url]) => `  - {id: ${id}, url: "${url}"}\n`).join('')}`
}

interface Batch {
  readonly home: string
  readonly some: readonly Mutant[]
  readonly peak: PeakMemory
  readonly planted: PlantedFault | undefined
  readonly counts: Counts
  readonly codes: Map<string, number>
}

/** One ingest with some mutants. @returns what was found */
async function batch({ home, some, peak, planted, counts, codes }: Batch): Promise<readonly string[]> {
  const findings: string[] = []
  const all = some.map(({ id, name }) => `${id} (${name})`).join(', ')
  const args = ['--window', `${STRIDE}s`, '--stride', `${STRIDE}s`, '--frames', '2', '--engine', 'onnx']
  const plant = planted === undefined ? undefined : PLANTS[planted]
  const node =
    plant === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(planting(plant))}`]
  const run = new IngestRun(home, [...args, '--silence', '4s'], peak, node)
  await until(() => run.isReady || run.hasEnded, READY_MS)
  const since = performance.now()
  if (planted === 'crash') run.kill('SIGKILL')
  // The good camera, too, may take its time to open.
  await until(() => run.hasEnded || run.story(GOOD).clips.length > 0, MOST_MS)
  const opened = performance.now()
  const isSettled = (): boolean => some.every(({ id }) => wasHeardOf(run.story(id)))
  await until(() => run.hasEnded || (performance.now() - opened > LEAST_MS && isSettled()), MOST_MS)
  const [seconds, stoppedAt] = [(performance.now() - since) / 1000, Date.now() / 1000]
  const hasCrashed = run.hasEnded
  if (planted === 'hang') run.kill('SIGSTOP')
  run.kill('SIGTERM')
  const end = await Promise.race([run.ended, sleep(STOP_MS, undefined, { ref: false })])
  if (end === undefined) {
    counts.hangs++
    findings.push(`rtsp: no end ${STOP_MS / 1000} s after SIGTERM, with ${all}`)
    run.kill('SIGKILL')
    await run.ended
  } else if (hasCrashed || end.code !== 0) {
    counts.crashes++
    findings.push(
      `rtsp: the ingest ended: ${JSON.stringify(end)}, ${run.stray.join('; ').slice(-2000)}, with ${all}`,
    )
  }
  if (run.stray.length > 0) {
    counts.unnamed++
    findings.push(`rtsp: said beside the log: ${run.stray.join('; ').slice(0, 1000)}, with ${all}`)
  }
  for (const { id, name } of some) {
    const { troubles, clips } = run.story(id)
    for (const { code } of troubles) codes.set(code, (codes.get(code) ?? 0) + 1)
    const unnamed = troubles.find(({ code }) => !isNamed(code))
    if (unnamed !== undefined) {
      counts.unnamed++
      findings.push(`rtsp ${id}, ${name}: ${unnamed.code}, ${unnamed.reason.slice(0, 500)}`)
    } else if (troubles.some(({ code }) => code === 'MEDIA_CRASH')) counts.contained++
    else if (clips.length > 0) counts.taken++
    else if (troubles.length > 0) counts.refused++
    else if (!hasCrashed) {
      counts.hangs++
      findings.push(`rtsp ${id}, ${name}: in ${seconds.toFixed()} s no clip, and nothing was said of it`)
    }
  }
  const lost = hasCrashed || end === undefined ? undefined : neighbourLoss(run, stoppedAt)
  if (lost !== undefined) {
    counts.neighboursLost++
    findings.push(`rtsp: the good camera ${lost}, ${JSON.stringify(run.countsOf(GOOD))}, beside ${all}`)
  }
  return findings
}

const wasHeardOf = ({ troubles, clips }: CameraStory): boolean => troubles.length + clips.length > 0

const isNamed = (code: string): boolean =>
  code !== 'INTERNAL' && (ERROR_CODES as readonly string[]).includes(code)

/** What the good camera lacks, in words. */
function neighbourLoss(run: IngestRun, stoppedAt: number): string | undefined {
  const { clips, troubles } = run.story(GOOD)
  const [first] = clips
  if (first === undefined) return 'gave no clip'
  if (troubles.length > 0) return `was lost: ${JSON.stringify(troubles[0])}`
  const times = [...clips, stoppedAt]
  const gap = Math.max(...times.slice(1).map((time, n) => time - (times[n] as number)))
  if (gap > MOST_GAP) return `gave nothing for ${gap.toFixed(1)} s`
  const counted = run.countsOf(GOOD)
  const due = (stoppedAt - first) / STRIDE
  const cut = (counted?.cut ?? 0) + (counted?.widened ?? 0)
  return cut < due * LEAST_SHARE ? `gave ${cut} of ${due.toFixed()} clips` : undefined
}

async function until(holds: () => boolean, limitMs: number): Promise<void> {
  for (const deadline = performance.now() + limitMs; !holds() && performance.now() < deadline; )
    await sleep(100)
}
