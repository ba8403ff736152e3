import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { renderVideo } from '../../src/media/encode.js'
import { table } from './table.js'

// Peak memory of the whole process tree, for videos of growing length: node dist/test/bench/memory.js [--seconds 10 …]

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', multiple: true, default: ['10', '600', '7200'] },
    reader: { type: 'string', multiple: true, default: ['ffmpeg', 'node-av'] },
    /** Where videos are kept between runs: two hours take minutes to render. */
    videos: { type: 'string' },
  },
})
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const dir = await mkdtemp(join(tmpdir(), 'stanflow-memory-'))

/** Resident bytes of a process and its descendants, from /proc. */
async function residentTree(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const own = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const children = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => '')),
  )
  const below = await Promise.all(
    children
      .join(' ')
      .split(' ')
      .filter(Boolean)
      .map((child) => residentTree(Number(child))),
  )
  return below.reduce((sum, bytes) => sum + bytes, own)
}

async function peakOf(
  video: string,
  reader: string,
): Promise<{ peak: number; seconds: number; clips: number }> {
  const out = join(dir, 'out')
  await rm(out, { recursive: true, force: true })
  const args = [
    'backfill',
    video,
    '--to',
    out,
    '--sample',
    'window',
    '--window',
    '4s',
    // So small a batch is full even with the shortest video's clips: every run has the same working set.
    '--stride',
    '2s',
    '--batch',
    '2',
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
  let peak = 0
  const watch = setInterval(async () => {
    peak = Math.max(peak, await residentTree(child.pid as number))
  }, 50)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`backfill ended with ${code}`)
  return {
    peak,
    seconds: (performance.now() - started) / 1000,
    clips: (JSON.parse(printed) as { clips: number }).clips,
  }
}

try {
  const rows = []
  for (const reader of flags.reader) {
    let first: number | undefined
    for (const seconds of flags.seconds) {
      const video = join(flags.videos ?? dir, `${seconds}s.mp4`)
      if (!existsSync(video))
        await renderVideo(video, {
          filter: `testsrc2=size=320x180:rate=25:duration=${seconds}`,
          codec: 'h264',
        })
      const { peak, seconds: wall, clips } = await peakOf(video, reader)
      first ??= peak
      rows.push({
        reader,
        'video s': seconds,
        clips,
        'peak MiB': peak / 2 ** 20,
        'against the first': `${((100 * peak) / first).toFixed(0)} %`,
        'wall s': wall,
      })
    }
  }
  console.log(table(rows))
} finally {
  await rm(dir, { recursive: true, force: true })
}
