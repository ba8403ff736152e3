import { writeWhole } from '../src/connect/files/atomic.js'
import { type Calibrated, calibrate } from '../src/engine/calibration/calibrate.js'
import type { EngineName } from '../src/engine/engine.js'
import { probeEngines } from '../src/engine/select.js'
import type { ReaderName } from '../src/media/reader.js'
import { openModel } from '../src/model/load.js'
import { gatherVideos, type SampledVideo } from './sample-videos.js'

export interface CalibrationOptions {
  /** Videos like those that will be embedded. */
  readonly inputs: readonly string[]
  /** The file to write. */
  readonly to: string
  readonly model: string
  readonly branch?: string
  readonly structure: string
  /** Frames in a clip. */
  readonly frames: number
  /** Videos that are looked at, at most. */
  readonly videos: number
  /** Median cosine to fp32 that must be reached. */
  readonly minCosine: number
  readonly engine: 'auto' | EngineName
  readonly reader: 'auto' | ReaderName
}

export interface CalibrationHooks {
  readonly onStep?: (step: string) => void
  readonly signal?: AbortSignal
}

export interface CalibrationSummary extends Omit<Calibrated, 'calibration'> {
  readonly to: string
  readonly videos: number
  readonly engine: EngineName
}

/** Measures a model's activations on the user's own videos, and writes the ranges that int8 needs. */
export async function calibrateOnVideos(
  options: CalibrationOptions,
  { onStep, signal = new AbortController().signal }: CalibrationHooks = {},
): Promise<CalibrationSummary> {
  const { to, model, branch, structure, frames, minCosine } = options
  const engine = options.engine === 'auto' ? await bestForRanges() : options.engine
  const request = { model, structure, frames, ...(branch !== undefined && { branch }) }
  const clips = await read(options, openModel(request).config.vision.size, signal, onStep)
  const calibrated = await calibrate(clips, {
    ...{ ...request, engine, minCosine },
    onProgress: (step) => {
      signal.throwIfAborted()
      onStep?.(step)
    },
  })
  await writeWhole(to, JSON.stringify(calibrated.calibration))
  const { drift, layers } = calibrated
  return { to, videos: clips.length, engine, drift, layers }
}

/** OpenVINO is what ranges are for; onnxruntime takes them too. */
async function bestForRanges(): Promise<EngineName> {
  const reports = await probeEngines(['openvino'])
  return reports.some(({ precisions }) => precisions.includes('int8')) ? 'openvino' : 'onnx'
}

async function read(
  { inputs, frames, videos, reader }: CalibrationOptions,
  side: number,
  signal: AbortSignal,
  onStep: CalibrationHooks['onStep'],
): Promise<readonly SampledVideo[]> {
  return gatherVideos({
    ...{ inputs, frames, side, signal, reader, most: videos, onStep },
    onClip: (clips) => onStep?.(`video ${clips} of at most ${videos} decoded`),
  })
}
