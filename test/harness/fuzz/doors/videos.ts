import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeVideoBombs } from '../bombs.js'
import { type Door, type DoorReport, type DoorRun, noCounts } from '../door.js'
import { mutate, Random } from '../mutate.js'
import { PeakMemory } from '../peak-memory.js'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url))
const SOURCE = ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=96x72:rate=12:duration=2']

/** Codecs and containers, as ffmpeg makes them. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'h264.mp4': ['-c:v', 'libx264', '-g', '6', '-bf', '2', '-pix_fmt', 'yuv420p'],
  'hevc.mkv': ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', '-g', '6'],
  'vp9.webm': ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '6'],
  'av1.mp4': ['-c:v', 'libsvtav1', '-preset', '12', '-g', '6'],
  'mpeg2.ts': ['-c:v', 'mpeg2video', '-q:v', '4', '-g', '6', '-flags', '+ilme+ildct'],
  'mjpeg.avi': ['-c:v', 'mjpeg', '-q:v', '6'],
  'prores.mov': ['-c:v', 'prores_ks', '-profile:v', '0'],
  'gif.gif': ['-vf', 'scale=64:48'],
  'flv1.flv': ['-c:v', 'flv', '-g', '6'],
  'theora.ogv': ['-c:v', 'libtheora', '-q:v', '4', '-g', '6'],
}
const READERS = ['node-av', 'ffmpeg'] as const
/** Mutants that one process takes; where it dies or hangs, one of them did it. */
const CHUNK = 80
const GOOD_EVERY = 10
/** Milliseconds for a mutant, all in all, on a busy machine. */
const EACH_MS = 8000
/** Of the command with its decoders. */
const MOST_MIB = 2600

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly late: boolean
  readonly stdout: string
}

/** A backfill of a folder, as a person runs it. */
async function backfill(
  folder: string,
  to: string,
  reader: string,
  limitMs: number,
  peak: PeakMemory,
): Promise<Ended> {
  const args = [
    'backfill',
    folder,
    '--root',
    folder,
    '--to',
    to,
    '--reader',
    reader,
    '--frames',
    '4',
    '--format',
    'jsonl',
    '--json',
    '--engine',
    'onnx',
  ]
  const child = spawn(process.execPath, [MAIN, ...args, '--concurrency', '2'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  const watch = peak.watch(child.pid as number)
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  watch()
  return { code, signal, late, stdout }
}

/** Vectors of what was stored, by source. */
async function stored(to: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const files = await readdir(to, { recursive: true }).catch(() => [])
  for (const file of files.filter((name) => /embeddings.*\.jsonl$/.test(name))) {
    for (const line of (await readFile(join(to, file), 'utf8')).split('\n').filter(Boolean)) {
      const { source, embedding } = JSON.parse(line) as { source: string; embedding: readonly number[] }
      found.set(source, embedding.map((value) => value.toFixed(4)).join())
    }
  }
  return found
}

interface Letter {
  readonly source: string
  readonly code: string
  readonly message: string
}

/** Videos of many codecs and containers, through `stanflow backfill` with each reader. */
export const VIDEO_DOOR: Door = {
  name: 'videos',
  standard: 2000,
  short: 30,
  async run({ mutants, seed, say, keep }: DoorRun): Promise<DoorReport> {
    const home = await mkdtemp(join(tmpdir(), 'stanflow-fuzz-videos-'))
    const random = new Random(seed)
    const peak = new PeakMemory()
    const counts = noCounts()
    const findings: string[] = []
    const codes = new Map<string, number>()
    try {
      const goods = join(home, 'goods')
      await mkdir(goods)
      for (const [name, args] of Object.entries(KINDS))
        await run('ffmpeg', [...SOURCE, ...args, join(goods, name)])
      const names = Object.keys(KINDS)
      const contents = await Promise.all(names.map((name) => readFile(join(goods, name))))
      const right = new Map<string, Map<string, string>>()
      for (const reader of READERS) {
        await backfill(goods, join(home, `right-${reader}`), reader, 300_000, peak)
        const vectors = await stored(join(home, `right-${reader}`))
        if (vectors.size !== names.length)
          findings.push(`videos, ${reader}: ${vectors.size} of ${names.length} good ones are read`)
        counts.neighboursLost += names.length - vectors.size
        right.set(reader, vectors)
      }

      /** All of a folder with a reader; where the process does not come through, halves of it until it is one mutant. */
      const test = async (bad: ReadonlyMap<string, Buffer>, reader: string): Promise<void> => {
        const folder = await mkdtemp(join(home, 'chunk-'))
        for (const [name, bytes] of bad) await writeFile(join(folder, name), bytes)
        let n = 0
        for (let at = 0; at < bad.size; at += GOOD_EVERY, n++) {
          const good = names[n % names.length] as string
          await copyFile(
            join(goods, good),
            join(folder, `${[...bad.keys()][at]?.split('.')[0]}-good.${good}`),
          )
        }
        const to = join(folder, 'out')
        const ended = await backfill(folder, to, reader, 60_000 + EACH_MS * bad.size, peak)
        const isWhole = !ended.late && ended.signal === null && (ended.code === 0 || ended.code === 1)
        if (!isWhole && bad.size > 1) {
          const all = [...bad]
          const half = all.length >> 1
          for (const part of [all.slice(0, half), all.slice(half)]) await test(new Map(part), reader)
          return
        }
        const save = async (name: string, why: string): Promise<void> => {
          findings.push(`videos, ${reader}, ${name}: ${why}`)
          const bytes = bad.get(name)
          if (keep === undefined || bytes === undefined) return
          await mkdir(keep, { recursive: true })
          await writeFile(join(keep, `${reader}-${name}`), bytes)
        }
        if (!isWhole) {
          counts[ended.late ? 'hangs' : 'crashes']++
          await save([...bad.keys()][0] ?? '', JSON.stringify(ended).slice(0, 500))
          return
        }
        const letters = await lettersOf(to)
        const vectors = await stored(to)
        for (const name of bad.keys()) {
          const letter = letters.get(name)
          if (letter !== undefined) codes.set(letter.code, (codes.get(letter.code) ?? 0) + 1)
          if (letter === undefined && vectors.has(name)) counts.taken++
          else if (letter === undefined) {
            counts.unnamed++
            await save(name, 'neither a result nor a dead letter')
          } else if (letter.code === 'INTERNAL') {
            counts.unnamed++
            await save(name, letter.message)
          } else if (letter.code === 'MEDIA_CRASH' || letter.code === 'MEDIA_TIMEOUT') {
            counts.contained++
            say(`videos, ${reader}: ${name} cost a decoder: ${letter.code}, ${letter.message}`)
          } else counts.refused++
        }
        for (const file of (await readdir(folder)).filter((name) => name.includes('-good.'))) {
          const good = file.slice(file.indexOf('-good.') + '-good.'.length)
          if (vectors.get(file) === right.get(reader)?.get(good)) continue
          counts.neighboursLost++
          findings.push(
            `videos, ${reader}: ${file} gave ${vectors.has(file) ? 'another result' : 'no result'}`,
          )
        }
        await rm(folder, { recursive: true, force: true })
      }

      const bombs = await writeVideoBombs(join(home, 'bombs'))
      for (const reader of READERS) await test(bombs, reader)
      for (let made = 0; made < mutants; ) {
        const chunk = new Map<string, Buffer>()
        for (; chunk.size < CHUNK && made < mutants; made++) {
          const which = random.int(names.length)
          chunk.set(
            `m${String(made).padStart(5, '0')}.${names[which]}`,
            mutate(contents[which] as Buffer, random, random.pick(contents)),
          )
        }
        for (const reader of READERS) await test(chunk, reader)
        say(`videos: ${made} of ${mutants}, ${JSON.stringify(counts)}`)
      }
      say(`videos: ${JSON.stringify(Object.fromEntries(codes))}`)
      const all = (mutants + bombs.size) * READERS.length
      return {
        door: 'videos (2 readers)',
        mutants: all,
        ...counts,
        worstMiB: peak.mebibytes,
        mostMiB: MOST_MIB,
        findings,
      }
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  },
}

async function lettersOf(to: string): Promise<Map<string, Letter>> {
  const text = await readFile(join(to, 'dead-letter.jsonl'), 'utf8').catch(() => '')
  const letters = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Letter)
  return new Map(letters.map((letter) => [letter.source, letter]))
}
