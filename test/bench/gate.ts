import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { renderVideo } from '../../src/media/encode.js'
import { start } from '../support/cli.js'
import { table } from './table.js'

/**
 * What the motion gate saves at a mostly still scene, and whether rules find the same with it as without: two cameras show
 * the same file, one of them with a gate. `npm run bench:gate`
 */
const SECONDS = 120
/** Seconds at which something red comes, and goes. */
const SCRIPT = [
  [15, 18],
  [48, 50],
  [90, 95],
] as const

const between = SCRIPT.map(([from, to]) => `between(t,${from},${to})`).join('+')
const scene = [
  `color=0x303030:size=640x360:rate=10,trim=duration=${SECONDS},hue=b='0.3*sin(2*PI*t/45)',noise=alls=10:all_seed=1:allf=t[still]`,
  `color=red:size=110x110:rate=10[thing]`,
  `[still][thing]overlay=x='220+10*mod(t,10)':y=120:enable='${between}',trim=duration=${SECONDS}`,
].join(';')

const cameras = `
labels: [a red square, an empty picture, a blue circle]
prompts: ["{}"]
window: 2s
stride: 1s
frames: 4
rules:
  - {name: red, label: a red square, threshold: 0.8, open-after: 2, close-after: 2}
cameras:
  - {id: all, url: scene.mp4}
  - {id: gated, url: scene.mp4, gate: true}
`

const dir = await mkdtemp(join(tmpdir(), 'stanflow-gate-'))
try {
  const encoderOptions = {
    preset: 'veryfast',
    tune: 'zerolatency',
    b: '800k',
    maxrate: '800k',
    bufsize: '800k',
  }
  await renderVideo(join(dir, 'scene.mp4'), { codec: 'h264', gop: 20, filter: scene, encoderOptions })
  await writeFile(join(dir, 'cameras.yaml'), cameras)
  const { code, stdout, stderr } = await start([
    ...['ingest', '--cameras', join(dir, 'cameras.yaml'), '--to', '-', '--json'],
  ]).finished
  if (code !== 0) throw new Error(stderr)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; source: string; kind: string; start: number })
    .filter(({ type, kind }) => type === 'event' && kind === 'rule-opened')
  const first = Math.min(...events.map((event) => event.start))
  const summary = JSON.parse(stderr.trim().split('\n').at(-1) as string) as {
    cameras: { camera: string; cut: number; delivered: number; dropped: number; still: number }[]
  }
  const rows = summary.cameras.map(({ camera, cut, delivered, dropped, still }) => {
    const opened = events.filter(({ source }) => source === `camera:${camera}`)
    const at = opened.map((event) => `+${(event.start - first).toFixed(0)} s`).join(' ')
    return {
      camera,
      clips: cut,
      inferred: delivered,
      dropped,
      saved: `${Math.round((100 * still) / cut)} %`,
      events: at,
    }
  })
  console.log(
    `${SECONDS} s, something to see from ${SCRIPT.map(([from, to]) => `${from} to ${to} s`).join(', ')}`,
  )
  console.log(table(rows))
} finally {
  await rm(dir, { recursive: true, force: true })
}
