import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { from, lastValueFrom, mergeMap } from 'rxjs'
import { planClips } from '../../operators/index.js'
import { type BackfillOptions, backfill } from '../../pipelines/backfill.js'
import { framesOf, timelineOf } from '../../pipelines/streams.js'
import type { Sampling } from '../../src/domain.js'
import { loadOn } from '../../src/engine/host.js'
import { renderVideo } from '../../src/media/encode.js'
import { openReader } from '../../src/media/open-reader.js'
import { cpuSeconds } from './cpu.js'
import { type Cost, costOf, medianCost, table } from './table.js'

// The whole backfill against its two parts alone, in turn within one run: node dist/test/bench/backfill.js --help

const { values: flags } = parseArgs({
  options: {
    videos: { type: 'string', default: '24' },
    seconds: { type: 'string', default: '15' },
    size: { type: 'string', default: '320x240' },
    rounds: { type: 'string', default: '3' },
    model: { type: 'string', multiple: true, default: ['random:small', 'random:vit-b-32'] },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(
    'bench [--videos 24] [--seconds 15] [--size 320x240] [--rounds 3] [--model random:small] [--model random:vit-b-32 | FOLDER]…',
  )
  process.exit(0)
}
const count = Number(flags.videos)
const rounds = Number(flags.rounds)
const concurrency = availableParallelism()
const BATCH = 8
const SAMPLINGS: readonly (readonly [string, Sampling])[] = [
  ['12 frames of the whole video', { kind: 'uniform', frames: 12 }],
  ['12 frames every 5 s', { kind: 'window', frames: 12, length: 5, stride: 5 }],
]

const dir = await mkdtemp(join(tmpdir(), 'stanflow-bench-'))
try {
  const videos = join(dir, 'videos')
  console.log(
    `rendering ${count} videos of ${flags.seconds} s, ${flags.size}, 30 frames/s, h264, a keyframe every 250`,
  )
  await renderAll(videos)
  const rows = []
  for (const model of flags.model) {
    for (const [name, sampling] of SAMPLINGS) rows.push(await measure(model, name, sampling, videos))
  }
  console.log(`\n${cpus()[0]?.model ?? ''}, ${concurrency} cores, medians of ${rounds} rounds\n`)
  console.log(table(rows))
} finally {
  await rm(dir, { recursive: true, force: true })
}

async function renderAll(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (let n = 0; n < count; n++) {
    const filter = `testsrc2=size=${flags.size}:rate=30:duration=${flags.seconds},hue=h=${(n * 360) / count}`
    await renderVideo(join(folder, `${String(n).padStart(3, '0')}.mp4`), { filter, codec: 'h264', gop: 250 })
  }
}

async function measure(model: string, samples: string, sampling: Sampling, folder: string) {
  const options: BackfillOptions = {
    inputs: [folder],
    to: join(dir, 'out'),
    root: dir,
    model,
    structure: 'auto',
    engine: 'auto',
    device: 'auto',
    precision: 'fp32',
    sampling,
    labels: [],
    prompts: ['{}'],
    top: 5,
    batch: BATCH,
    concurrency,
    reader: 'auto',
    format: 'parquet',
    checkpointSeconds: 30,
    dryRun: false,
  }
  const whole: Cost[] = []
  const modelAlone: Cost[] = []
  const decodeAlone: Cost[] = []
  let clips = 0
  for (let round = 0; round < rounds; round++) {
    await rm(options.to, { recursive: true, force: true })
    // Loading the model is the same cost however many videos follow.
    const begun: Promise<number>[] = []
    let wall = 0
    const summary = await backfill(options, {
      onStart: () => {
        begun.push(cpuSeconds())
        wall = performance.now()
      },
    })
    whole.push({
      wall: (performance.now() - wall) / 1000,
      cpu: (await cpuSeconds()) - ((await begun[0]) ?? Number.NaN),
    })
    clips = summary.clips
    decodeAlone.push(await decodeOnly(folder, sampling))
    modelAlone.push(await modelOnly(model, sampling, clips))
  }
  const [all, decoding, encoding] = [whole, decodeAlone, modelAlone].map(medianCost) as [Cost, Cost, Cost]
  // No sooner than the slower part by itself, nor than all cores can do the work of both.
  const slower = Math.max(decoding.wall, encoding.wall)
  const soonest = Math.max(slower, (decoding.cpu + encoding.cpu) / concurrency)
  const percent = (part: number, of: number): string => `${((100 * part) / of).toFixed(0)} %`
  return {
    model,
    sampling: samples,
    clips,
    'decode clips/s': clips / decoding.wall,
    'model clips/s': clips / encoding.wall,
    'whole clips/s': clips / all.wall,
    'slower part ÷ whole': percent(slower, all.wall),
    'decode CPU s': decoding.cpu,
    'model CPU s': encoding.cpu,
    'whole CPU s': all.cpu,
    'parts ÷ whole CPU': percent(decoding.cpu + encoding.cpu, all.cpu),
    'ceiling ÷ whole': percent(soonest, all.wall),
  }
}

async function decodeOnly(folder: string, sampling: Sampling): Promise<Cost> {
  const { reader } = await openReader('auto')
  const size = 224
  const pixels = Array.from({ length: concurrency * 2 }, () => new Uint8Array(size * size * 3))
  let next = 0
  const one = async (n: number): Promise<void> => {
    const video = await reader.probe(join(folder, `${String(n).padStart(3, '0')}.mp4`))
    const frames = reader.frames({
      video,
      indices: framesOf(planClips(timelineOf(video), sampling), video.timestamps.length),
      geometry: { kind: 'crop', size },
      allocate: () => pixels[next++ % pixels.length] as Uint8Array,
    })
    for await (const _ of frames);
  }
  try {
    await one(0)
    return await costOf(() =>
      lastValueFrom(from(Array.from({ length: count }, (_, n) => n)).pipe(mergeMap(one, concurrency))),
    )
  } finally {
    await reader.close()
  }
}

async function modelOnly(model: string, sampling: Sampling, clips: number): Promise<Cost> {
  const loaded = await loadOn({
    engine: 'onnx',
    device: 'cpu',
    model,
    structure: 'auto',
    frames: sampling.frames,
    precision: 'fp32',
  })
  const pixels = new Uint8Array(loaded.info.size ** 2 * 3).map((_, i) => i % 251)
  const clip = { frames: Array.from({ length: sampling.frames }, () => ({ pixels })) }
  try {
    await loaded.encodeVideo([clip])
    return await costOf(async () => {
      for (let left = clips; left > 0; left -= BATCH)
        await loaded.encodeVideo(new Array(Math.min(BATCH, left)).fill(clip))
    })
  } finally {
    await loaded.close()
  }
}
