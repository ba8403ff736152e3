import type { Sampling } from '../src/domain.js'
import type { Device, EngineName, LoadedModel, ModelInfo, Precision } from '../src/engine/engine.js'
import { loadModel } from '../src/engine/select.js'

/** Which model, and what computes it. */
export interface ModelOptions {
  /** A folder in the Hugging Face CLIP layout, or `default` for the embedded model. */
  readonly model: string
  /** A safetensors file with the temporal branch; default: `branch.safetensors` in the model's folder, if any. */
  readonly branch?: string
  /** `auto`, or a structure by name: what makes one embedding of a clip's frames. */
  readonly structure: string
  /** What computes, and where; `auto`: the quickest way that works here. */
  readonly engine: 'auto' | EngineName
  readonly device: 'auto' | Device
  /** Which graphics card, counted from 0. */
  readonly deviceId?: number
  readonly precision: Precision
  /** Activation ranges for int8; without it they are taken as they come. */
  readonly calibration?: string
  /** Tokens that texts are cut to; default 32. */
  readonly textLength?: number
  readonly sampling: Sampling
  /** Clips in one run of the model. */
  readonly batch: number
  /** Videos decoded at once. */
  readonly concurrency: number
}

const RANDOM_WEIGHTS =
  'The model has random weights: its labels mean nothing. Give a real CLIP with --model FOLDER (see docs/models.md).'
const SCENES_ONLY =
  'The embedded model knows drawn shapes and how they move, nothing else (docs/default-model.md). For ordinary video pull a real CLIP: `stanflow models pull openai/clip-vit-base-patch32`, then --model openai/clip-vit-base-patch32.'

/** What a person must know of a model before they believe its labels. */
export function modelNotes({ name, random }: Pick<ModelInfo, 'name' | 'random'>): readonly string[] {
  if (random) return [RANDOM_WEIGHTS]
  return name === 'default' ? [SCENES_ONLY] : []
}

export const modelName = ({ name, structure }: ModelInfo): string => `${name} + ${structure}`

/** The model, ready to run, and in words what computes it and why. */
export function openModel(options: ModelOptions): Promise<{ model: LoadedModel; why: string }> {
  const { model, branch, structure, engine, device, deviceId, precision, calibration, sampling, textLength } =
    options
  const overlap = sampling.kind === 'window' && sampling.stride < sampling.length
  return loadModel({
    ...{ model, structure, engine, device, precision },
    frames: sampling.frames,
    // The last clip of every video under way, and a batch of others in between.
    ...(overlap && { sharedFrames: (options.batch + options.concurrency) * sampling.frames }),
    ...(branch !== undefined && { branch }),
    ...(deviceId !== undefined && { deviceId }),
    ...(calibration !== undefined && { calibration }),
    ...(textLength !== undefined && { textLength }),
  })
}
