import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { calibrate } from '../../src/engine/calibration/calibrate.js'
import type { EngineName, Precision } from '../../src/engine/engine.js'
import { probeEngines } from '../../src/engine/select.js'
import { countFlops, fullCount } from '../../src/model/flops.js'
import { openModel } from '../../src/model/load.js'
import { kept } from '../support/backends.js'
import { drawnClips, drifts } from './engines/drift.js'
import { longClip } from './engines/long.js'
import { openPeer, peerPython, type Times } from './engines/peer.js'
import { slidingWindow } from './engines/sliding.js'
import { openVariant, type Variant } from './engines/variant.js'
import { GEMM_FLOP, gemm } from './engines/work.js'
import { median, table } from './table.js'

// Engine × precision × batch without any video, beside PyTorch: node dist/test/bench/engines.js --help

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'random:vit-b-32' },
    frames: { type: 'string', default: '12' },
    clips: { type: 'string', multiple: true, default: ['1'] },
    rounds: { type: 'string', default: '5' },
    calibration: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    peer: { type: 'string', multiple: true, default: [] },
    window: { type: 'boolean', default: false },
    long: { type: 'boolean', default: false },
    drift: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(`bench:engines [--model random:vit-b-32] [--frames 12] [--clips 1]… [--rounds 5] [--only openvino/bf16]…
  --calibration FILE   ranges for int8 instead of measuring them first
  --peer fp32, --peer bf16   PyTorch beside them, in turn (fetches torch and transformers into .cache/peer)
  --window   overlapping clips, with and without sharing frames
  --long     64 frames, with peak memory
  --drift    cosines of each precision to fp32`)
  process.exit(0)
}
const T = Number(flags.frames)
const rounds = Number(flags.rounds)
const DEPTH = 4
const dir = await mkdtemp(join(tmpdir(), 'stanflow-engines-'))
try {
  console.log(
    `${cpus()[0]?.model ?? ''}, ${availableParallelism()} cores; ${flags.model}, ${T} frames a clip\n`,
  )
  if (flags.window) console.log(await slidingWindow(flags.model, T, rounds))
  else if (flags.long) console.log(await longClip(flags.model))
  else if (flags.drift) console.log(await drifts(flags.model, T, flags.calibration ?? (await calibrated())))
  else await compare()
} finally {
  await rm(dir, { recursive: true, force: true })
}

async function compare(): Promise<void> {
  const variants = await openAll()
  const samples = new Map<string, Times[]>()
  const sample = async (key: string, run: () => Promise<Times>): Promise<void> => {
    const times = await run()
    samples.set(key, [...(samples.get(key) ?? []), times])
  }
  // Once for warmth, then in turn, so that whatever else the machine does falls on all alike.
  for (let round = -1; round < rounds; round++) {
    if (round === 0) samples.clear()
    for (const variant of variants) {
      const at = `${variant.engine}/${variant.precision}`
      if (variant.gemm !== undefined) await sample(`${at}/gemm`, variant.gemm)
      for (const clips of flags.clips) {
        for (const kind of ['trunk', 'video'] as const)
          await sample(`${at}/${kind}/${clips}`, () => variant.run(kind, Number(clips)))
      }
    }
  }
  for (const variant of variants) await variant.close()
  console.log(
    `\nmedians of ${rounds} rounds in turn; peak: the best GEMM of any engine above in that precision, GFLOP/s`,
  )
  console.log(`\nby the clock\n\n${report(variants, samples, ({ wall }) => wall)}`)
  const cores = availableParallelism()
  console.log(
    `\nby processor time over ${cores} cores: what the clock would say if nothing else ran\n\n${report(variants, samples, ({ cpu }) => cpu / cores)}`,
  )
}

async function openAll(): Promise<readonly Variant[]> {
  const model = openModel({ model: flags.model, structure: 'auto' })
  const shared = { ...model, weights: kept(model.weights) }
  const found = (await probeEngines()).filter(({ device, available }) => device === 'cpu' && available)
  const wanted = (engine: EngineName, precision: Precision): boolean =>
    flags.only.length === 0 || flags.only.includes(`${engine}/${precision}`)
  const variants: Variant[] = []
  let { calibration } = flags
  for (const { engine, precisions, detail } of found) {
    console.log(`${engine}: ${detail}`)
    for (const precision of [...precisions].reverse()) {
      if (!wanted(engine, precision)) continue
      if (precision !== 'int8') variants.push(await openVariant(shared, T, { engine, precision }))
      else if (engine === 'onnx') variants.push(await openVariant(shared, T, { engine, precision }))
      else {
        calibration ??= await calibrated()
        variants.push(
          await openVariant(shared, T, {
            engine,
            precision,
            calibration,
            gemmCalibration: await gemmRanges(),
          }),
        )
      }
    }
  }
  if (flags.peer.length > 0) {
    const python = await peerPython()
    for (const precision of flags.peer) {
      const { name, ...peer } = await openPeer(python, precision, T, DEPTH)
      variants.push({ engine: name, precision, ...peer })
    }
  }
  return variants
}

async function calibrated(): Promise<string> {
  const clips = drawnClips(flags.model, T)
  const { calibration, drift, layers } = await calibrate(clips, {
    ...{ model: flags.model, structure: 'auto', frames: T, engine: 'openvino', minCosine: 0.999 },
  })
  console.log(
    `calibrated on ${clips.length} clips: ${layers.int8} layers in int8, ${layers.float} not; cosine to fp32 ${drift.median.toFixed(5)} (median), ${drift.min.toFixed(5)} (least)`,
  )
  const path = join(dir, 'ranges.json')
  await writeFile(path, JSON.stringify(calibration))
  return path
}

async function gemmRanges(): Promise<string> {
  const path = join(dir, 'gemm.json')
  const about = { format: 'stanflow-calibration', version: 1, model: 'gemm', clips: 1, frames: 1 }
  await writeFile(path, JSON.stringify({ ...about, layers: gemm.ranges }))
  return path
}

function report(
  variants: readonly Variant[],
  samples: ReadonlyMap<string, readonly Times[]>,
  by: (times: Times) => number,
): string {
  const cost = countFlops(openModel({ model: flags.model, structure: 'auto' }), T)
  /** Floating point operations: a multiply-accumulate is two. */
  const [frameFlop, clipFlop] = [2 * fullCount(cost.frame), 2 * fullCount(cost.clip)]
  const seconds = (key: string): number => median((samples.get(key) ?? []).map(by))
  const cores = (key: string): number => median((samples.get(key) ?? []).map(({ wall, cpu }) => cpu / wall))
  // The best matrix product that any engine here has in this precision.
  const peak = (precision: string): number => {
    const family = precision.split(' ')[0] as string
    const rates = variants
      .filter((v) => v.gemm !== undefined && v.precision.startsWith(family))
      .map((v) => GEMM_FLOP / seconds(`${v.engine}/${v.precision}/gemm`))
    return Math.max(...rates) / 1e9
  }
  const torch = variants.find(({ engine, precision }) => engine.startsWith('PyTorch') && precision === 'fp32')
  const rows = variants.flatMap(({ engine, precision }) =>
    flags.clips.map((clips) => {
      const key = (kind: string, name = `${engine}/${precision}`): string => `${name}/${kind}/${clips}`
      const frames = (Number(clips) * T) / seconds(key('trunk'))
      const gflops = (frames * frameFlop) / 1e9
      const rate = Number(clips) / seconds(key('video'))
      const whole = (rate * clipFlop) / 1e9
      const against = (kind: string): string => {
        if (torch === undefined) return ''
        const reference = seconds(key(kind, `${torch.engine}/${torch.precision}`))
        return (reference / seconds(key(kind))).toFixed(2)
      }
      return {
        engine,
        precision,
        frames: Number(clips) * T,
        'CLIP frames/s': frames,
        'GFLOP/s': gflops,
        peak: peak(precision),
        '% of peak': (100 * gflops) / peak(precision),
        '× torch fp32': against('trunk'),
        'clips/s': rate,
        'clip GFLOP/s': whole,
        '× torch fp32 ': against('video'),
        cores: cores(key('video')),
      }
    }),
  )
  return table(rows)
}
