import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { renderVideo } from '../../src/media/encode.js'
import { childrenOf } from './cpu.js'
import { table } from './table.js'

// Peak memory of the whole process tree, for videos of growing length: node dist/test/bench/memory.js [--seconds 10 …]

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', multiple: true, default: ['10', '600', '7200'] },
    reader: { type: 'string', multiple: true, default: ['ffmpeg', 'node-av'] },
    /** How often the first video is repeated in a run of its own. */
    times: { type: 'string', default: '60' },
    /** Where videos are kept between runs: two hours take minutes to render. */
    videos: { type: 'string' },
  },
})
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const dir = await mkdtemp(join(tmpdir(), 'stanflow-memory-'))

/** Resident bytes of a process. */
async function resident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

/** Of a process's descendants together. */
async function residentBelow(pid: number): Promise<number> {
  const sizes = await Promise.all(
    (await childrenOf(pid)).map(async (child) => (await resident(child)) + (await residentBelow(child))),
  )
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

async function peakOf(
  input: string,
  reader: string,
): Promise<{ peak: number; main: number; decoders: number; seconds: number; clips: number }> {
  const out = join(dir, 'out')
  await rm(out, { recursive: true, force: true })
  const args = [
    'backfill',
    input,
    '--to',
    out,
    '--sample',
    'window',
    '--window',
    '4s',
    '--stride',
    '2s',
    // So small a batch is full even with the shortest video's clips: every run has nearly the same working set.
    '--batch',
    '2',
    '--concurrency',
    '1',
    '--reader',
    reader,
    '--json',
  ]
  const started = performance.now()
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  const pid = child.pid as number
  let peak = { peak: 0, main: 0, decoders: 0 }
  const watch = setInterval(async () => {
    const [main, decoders] = await Promise.all([resident(pid), residentBelow(pid)])
    if (main + decoders > peak.peak) peak = { peak: main + decoders, main, decoders }
  }, 50)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`backfill ended with ${code}`)
  return {
    ...peak,
    seconds: (performance.now() - started) / 1000,
    clips: (JSON.parse(printed) as { clips: number }).clips,
  }
}

async function rendered(seconds: string): Promise<string> {
  const video = join(flags.videos ?? dir, `${seconds}s.mp4`)
  if (!existsSync(video))
    await renderVideo(video, { filter: `testsrc2=size=320x180:rate=25:duration=${seconds}`, codec: 'h264' })
  return video
}

/** A folder in which the shortest video lies many times over: the working set of short videos, at its steady state. */
async function many(video: string, times: number): Promise<string> {
  const folder = await mkdtemp(join(dir, 'many-'))
  for (let n = 0; n < times; n++) await copyFile(video, join(folder, `${n}.mp4`))
  return folder
}

try {
  const rows = []
  const [shortest = '10'] = flags.seconds
  const inputs: (readonly [string, string])[] = []
  for (const seconds of flags.seconds) inputs.push([`${seconds} s`, await rendered(seconds)])
  inputs.splice(1, 0, [
    `${flags.times} × ${shortest} s`,
    await many(await rendered(shortest), Number(flags.times)),
  ])
  for (const reader of flags.reader) {
    let first: number | undefined
    for (const [name, input] of inputs) {
      const { peak, main, decoders, seconds: wall, clips } = await peakOf(input, reader)
      first ??= peak
      rows.push({
        reader,
        video: name,
        clips,
        'peak MiB': peak / 2 ** 20,
        'of that, main': main / 2 ** 20,
        decoders: decoders / 2 ** 20,
        'against the first': `${((100 * peak) / first).toFixed(0)} %`,
        'wall s': wall,
      })
    }
  }
  console.log(table(rows))
} finally {
  await rm(dir, { recursive: true, force: true })
}
