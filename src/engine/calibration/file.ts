import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { StanflowError } from '../../errors.js'
import type { LoadRequest } from '../engine.js'

const Layer = z.object({
  /** What uint8's 0 and 255 stand for, after the gain; 0 lies between. */
  min: z.number().max(0),
  max: z.number().min(0),
  /** `[in]`: activations are divided by it and the weight's columns multiplied (SmoothQuant), where a norm comes before. */
  gain: z.array(z.number().positive()).optional(),
})

const File = z.object({
  format: z.literal('stanflow-calibration'),
  version: z.literal(1),
  /** Digest of the model that was measured. */
  model: z.string(),
  /** How much was measured. */
  clips: z.int().positive(),
  frames: z.int().positive(),
  /** By name of the weight; a linear layer that is not here stays in floating point. */
  layers: z.record(z.string(), Layer),
})

/** The range of a linear layer's input. */
export type LayerRange = z.infer<typeof Layer>
/** Activation ranges of a model's linear layers, measured on videos. */
export type Calibration = z.infer<typeof File>

/** A calibration, and the sha256 of its file. */
export interface OpenCalibration {
  readonly calibration: Calibration
  readonly digest: string
}

/** @throws StanflowError CALIBRATION_INVALID */
export function openCalibration(path: string): OpenCalibration {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new StanflowError('CALIBRATION_INVALID', `the calibration ${path} cannot be read`, { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new StanflowError('CALIBRATION_INVALID', `${path} is not JSON`, { cause })
  }
  const parsed = File.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`
    throw new StanflowError('CALIBRATION_INVALID', `${path} is no calibration of stanflow${where}`)
  }
  return { calibration: parsed.data, digest: createHash('sha256').update(bytes).digest('hex') }
}

/**
 * sha256 of the calibration that a request names, if any.
 * @throws StanflowError USAGE_INVALID without int8; CALIBRATION_INVALID, also where another model was measured
 */
export function calibrationDigest(
  { precision, calibration: path }: Pick<LoadRequest, 'precision' | 'calibration'>,
  model: string,
): string | undefined {
  if (path === undefined) return undefined
  if (precision !== 'int8') {
    throw new StanflowError('USAGE_INVALID', `A calibration means nothing with --precision ${precision}.`, {
      hint: 'Add --precision int8.',
    })
  }
  const { calibration, digest } = openCalibration(path)
  if (calibration.model !== model)
    throw new StanflowError('CALIBRATION_INVALID', `the calibration ${path} is of another model`)
  return digest
}
