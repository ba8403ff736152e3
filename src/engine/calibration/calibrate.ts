import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { StanflowError } from '../../errors.js'
import { videoGraph } from '../../model/graphs.js'
import { type OpenModel, openModel } from '../../model/load.js'
import { type Drift, measureDrift } from '../drift.js'
import type { ClipPixels, EngineName, LoadedModel, LoadRequest } from '../engine.js'
import { loadOn } from '../host.js'
import type { Calibration, LayerRange } from './file.js'
import { Observer } from './observe.js'
import { solveRange } from './ranges.js'

/** The share of the integer layers that goes back to floating point at a time. */
const STEP = 0.08

export interface CalibrateOptions extends Pick<LoadRequest, 'model' | 'branch' | 'structure' | 'frames'> {
  /** What will compute with the calibration, and is measured with it. */
  readonly engine: EngineName
  /** Median cosine to fp32 that must be reached: the noisiest layers stay in floating point until it is. */
  readonly minCosine: number
  readonly onProgress?: (step: string) => void
}

export interface Calibrated {
  readonly calibration: Calibration
  /** From fp32, over the same clips. */
  readonly drift: Drift
  readonly layers: { readonly int8: number; readonly float: number }
}

interface Candidate {
  readonly names: readonly string[]
  readonly range: LayerRange
  readonly noise: number
}

/**
 * Measures the activations of a model's linear layers on clips, and finds ranges for int8 that keep its embeddings where
 * they are in fp32. @throws StanflowError CALIBRATION_FAILED where no choice of layers reaches the cosine
 */
export async function calibrate(
  clips: readonly ClipPixels[],
  options: CalibrateOptions,
): Promise<Calibrated> {
  const { frames, minCosine, onProgress = () => undefined } = options
  const model = openModel(options)
  const candidates = await observe(model, clips, options)
  let left = candidates.sort((a, b) => a.noise - b.noise)
  const total = count(left)
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-calibration-'))
  const reference = await loadOn(request(options, { engine: 'onnx', precision: 'fp32' }))
  try {
    while (left.length > 0) {
      const layers = left.flatMap(({ names, range }) => names.map((name) => [name, range] as const))
      const calibration: Calibration = {
        format: 'stanflow-calibration',
        version: 1,
        ...{ model: model.digest, clips: clips.length, frames },
        layers: Object.fromEntries(layers),
      }
      const path = join(folder, `${left.length}.json`)
      await writeFile(path, JSON.stringify(calibration))
      const drift = await driftOf(reference, path, clips, options)
      onProgress(
        `${count(left)} of ${total} layers in int8: median cosine ${drift.median.toFixed(5)}, least ${drift.min.toFixed(5)}`,
      )
      if (drift.median >= minCosine)
        return { calibration, drift, layers: { int8: count(left), float: total - count(left) } }
      left = left.slice(0, -Math.max(1, Math.round(candidates.length * STEP)))
    }
  } finally {
    await reference.close()
    await rm(folder, { recursive: true, force: true })
  }
  throw new StanflowError(
    'CALIBRATION_FAILED',
    `no layer can be in int8 with a median cosine of ${minCosine}`,
  )
}

const count = (candidates: readonly Candidate[]): number =>
  candidates.reduce((sum, { names }) => sum + names.length, 0)

async function observe(
  model: OpenModel,
  clips: readonly ClipPixels[],
  { frames, onProgress }: CalibrateOptions,
): Promise<Candidate[]> {
  const { size, patches } = model.config.vision
  const rows = frames * (1 + patches)
  const graph = videoGraph(model, frames)
  const observer = await Observer.open(graph, model.weights, rows, availableParallelism())
  try {
    const pixels = new Uint8Array(frames * size * size * 3)
    for (const [n, clip] of clips.entries()) {
      for (const [t, frame] of clip.frames.entries()) pixels.set(frame.pixels, t * size * size * 3)
      await observer.look(pixels, [frames, size, size, 3])
      onProgress?.(`clip ${n + 1} of ${clips.length} measured`)
    }
    return observer.observed.map(({ layers, normed, stats }) => {
      const weights = layers.map((name) => model.weights.read(name))
      return { names: layers, ...solveRange(stats, weights, normed) }
    })
  } finally {
    await observer.release()
  }
}

async function driftOf(
  reference: LoadedModel,
  calibration: string,
  clips: readonly ClipPixels[],
  options: CalibrateOptions,
): Promise<Drift> {
  const { engine } = options
  const quantised = await loadOn(request(options, { engine, precision: 'int8', calibration }))
  try {
    return await measureDrift(reference, quantised, clips)
  } finally {
    await quantised.close()
  }
}

function request(
  { model, branch, structure, frames }: CalibrateOptions,
  more: Pick<LoadRequest, 'engine' | 'precision' | 'calibration'>,
): LoadRequest {
  return { model, structure, frames, device: 'cpu', ...(branch !== undefined && { branch }), ...more }
}
