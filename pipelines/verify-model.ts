import { type Drift, measureDrift } from '../src/engine/drift.js'
import type {
  ClipPixels,
  Device,
  EngineName,
  LoadedModel,
  LoadRequest,
  Precision,
} from '../src/engine/engine.js'
import { loadOn } from '../src/engine/host.js'
import { probeEngines } from '../src/engine/select.js'
import { asStanflowError } from '../src/errors.js'
import { openModel } from '../src/model/load.js'
import { drawnClips } from './drawn-clips.js'
import { gatherVideos } from './sample-videos.js'

export interface VerifyOptions {
  readonly model: string
  readonly branch?: string | undefined
  readonly structure: string
  /** Videos to measure on; none: drawn clips. */
  readonly inputs: readonly string[]
  /** Clips at most: one of each video. */
  readonly clips: number
  readonly frames: number
  /** Activation ranges: int8 is then measured with them too. */
  readonly calibration?: string | undefined
}

/** One way to compute the model, against fp32 in onnxruntime on the processor. */
export interface VerifiedWay {
  readonly engine: EngineName
  readonly device: Device
  readonly precision: Precision
  readonly calibrated: boolean
  /** Cosines to the reference. */
  readonly drift?: Drift
  /** Clips per second, batches of up to eight. */
  readonly speed?: number
  /** Why it could not be measured. */
  readonly error?: { readonly code: string; readonly message: string }
  /** Whether its drift is what this precision should have; unfit: nothing is wrong, but it needs something that was not given. */
  readonly outcome: 'ok' | 'drifts' | 'unfit' | 'failed'
}

export interface Verification {
  readonly name: string
  readonly structure: string
  readonly parameters: number
  readonly digest: string
  readonly random: boolean
  /** What was measured on, in words. */
  readonly on: string
  readonly clips: number
  readonly frames: number
  readonly ways: readonly VerifiedWay[]
}

export interface VerifyHooks {
  readonly onStep?: (step: string) => void
  readonly signal?: AbortSignal
}

/** Median cosine to fp32 that a precision keeps on a model that suits it. */
export const EXPECTED: Readonly<Record<Precision, number>> = {
  fp32: 0.99999,
  bf16: 0.999,
  fp16: 0.999,
  int8: 0.98,
}

/** Loads the model every way this machine can, and measures how far each is from fp32. @throws StanflowError MODEL_*, INPUT_*, ENGINE_* */
export async function verifyModel(options: VerifyOptions, hooks: VerifyHooks = {}): Promise<Verification> {
  const { onStep, signal = new AbortController().signal } = hooks
  const { model, branch, structure, frames } = options
  const opened = openModel({ model, branch, structure })
  const clips = await gather(options, opened.config.vision.size, signal, onStep)
  const request = { model, structure, frames, ...(branch !== undefined && { branch }) }
  const reference = await loadOn({ ...request, engine: 'onnx', device: 'cpu', precision: 'fp32' })
  const ways: VerifiedWay[] = []
  try {
    for (const way of await possible(options)) {
      signal.throwIfAborted()
      onStep?.(`measuring ${wayName(way)}`)
      ways.push(await measure(way, request, reference, clips, options.calibration))
    }
  } finally {
    await reference.close()
  }
  const { name, parameters, digest, random } = opened
  const on = options.inputs.length === 0 ? 'drawn clips' : 'clips of your videos'
  return {
    name,
    structure: opened.structure.name,
    parameters,
    digest,
    random,
    on,
    clips: clips.length,
    frames,
    ways,
  }
}

type Way = Pick<VerifiedWay, 'engine' | 'device' | 'precision' | 'calibrated'>

export const wayName = ({ engine, device, precision, calibrated }: Way): string =>
  `${engine} on ${device}, ${precision}${calibrated ? ' calibrated' : ''}`

async function possible({ calibration }: VerifyOptions): Promise<readonly Way[]> {
  const reports = (await probeEngines()).filter(({ available }) => available)
  return reports.flatMap(({ engine, device, precisions }) => {
    const plain = precisions.map((precision): Way => ({ engine, device, precision, calibrated: false }))
    const ranges = calibration !== undefined && precisions.includes('int8')
    return ranges ? [...plain, { engine, device, precision: 'int8', calibrated: true }] : plain
  })
}

async function measure(
  way: Way,
  request: Pick<LoadRequest, 'model' | 'branch' | 'structure' | 'frames'>,
  reference: LoadedModel,
  clips: readonly ClipPixels[],
  calibration: string | undefined,
): Promise<VerifiedWay> {
  const { calibrated, ...asked } = way
  try {
    const other = await loadOn({
      ...request,
      ...asked,
      ...(calibrated && calibration !== undefined && { calibration }),
    })
    try {
      let seconds = 0
      const timed: LoadedModel = {
        ...other,
        async encodeVideo(batch) {
          const begun = performance.now()
          const vectors = await other.encodeVideo(batch)
          seconds += (performance.now() - begun) / 1000
          return vectors
        },
      }
      const drift = await measureDrift(reference, timed, clips)
      return {
        ...way,
        drift,
        speed: clips.length / seconds,
        outcome: drift.median >= EXPECTED[way.precision] ? 'ok' : 'drifts',
      }
    } finally {
      await other.close()
    }
  } catch (thrown) {
    const { code, message } = asStanflowError(thrown)
    return { ...way, error: { code, message }, outcome: code === 'ENGINE_UNFIT' ? 'unfit' : 'failed' }
  }
}

async function gather(
  { inputs, frames, clips: most }: VerifyOptions,
  side: number,
  signal: AbortSignal,
  onStep: VerifyHooks['onStep'],
): Promise<readonly ClipPixels[]> {
  if (inputs.length === 0) return [...drawnClips(most, frames, side)]
  return gatherVideos({ inputs, frames, side, signal, reader: 'auto', most, onStep })
}
