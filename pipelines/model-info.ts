import { computedDigest } from '../src/engine/digest.js'
import type { Precision } from '../src/engine/engine.js'
import { StanflowError } from '../src/errors.js'
import { countFlops, type Flops } from '../src/model/flops.js'
import { DTYPE_BYTES, elements } from '../src/model/formats/stored.js'
import { canSplit, featureRows } from '../src/model/graphs.js'
import { type OpenModel, openModel } from '../src/model/load.js'
import {
  PUBLISHED_RESULTS,
  type PublishedCost,
  type PublishedResult,
  publishedCost,
} from '../src/model/published.js'
import { clipShapes } from '../src/model/shapes.js'

export interface InfoOptions {
  readonly model: string
  readonly branch?: string | undefined
  readonly structure: string
  /** In a clip. */
  readonly frames: number
}

/** What a model is and costs; nothing is run. */
export interface ModelDescription extends Pick<OpenModel, 'name' | 'config' | 'digest' | 'scale' | 'random'> {
  /** Under which digest results of each precision are kept, int8 without a calibration. */
  readonly digests: Readonly<Record<Precision, string>>
  readonly structure: string
  /** Layers of the structure. */
  readonly depth: number
  readonly parameters: {
    readonly total: number
    readonly vision: number
    readonly text: number
    readonly structure: number
  }
  /** Bytes. */
  readonly memory: {
    /** On the disk, by number type. */
    readonly stored: Readonly<Record<string, number>>
    readonly weights: { readonly fp32: number; readonly half: number }
    /** A clip's pixels. */
    readonly clip: number
    /** What a frame costs while overlapping clips share its pass through CLIP; absent where they cannot. */
    readonly sharedFrame?: number
  }
  readonly frames: number
  /** Multiply-accumulates, which the literature calls FLOPs. */
  readonly flops: { readonly frame: Flops; readonly clip: Flops }
  readonly published: {
    /** The paper's cost of this very model and clip. */
    readonly cost?: PublishedCost
    /** The paper's results with this structure. */
    readonly results: readonly PublishedResult[]
  }
}

/** @throws StanflowError MODEL_*, USAGE_INVALID */
export function describeModel({ model, branch, structure, frames }: InfoOptions): ModelDescription {
  const opened = openModel({ model, branch, structure })
  const { maxFrames, name } = opened.structure
  if (frames > maxFrames)
    throw new StanflowError('USAGE_INVALID', `${name} takes at most ${maxFrames} frames, not ${frames}`)
  const { config, weights, parameters: total } = opened
  const clip = [...clipShapes(config)].map(([tensor, shape]) => ({ tensor, size: elements(shape) }))
  const sum = (which: RegExp): number =>
    clip.reduce((all, { tensor, size }) => all + (which.test(tensor) ? size : 0), 0)
  const [vision, text] = [sum(/^vis/), sum(/^text/)]
  const { size, width } = config.vision
  const cost = publishedCost(opened, frames)
  return {
    ...{ name: opened.name, config, digest: opened.digest, scale: opened.scale, random: opened.random },
    digests: digestsOf(opened.digest),
    structure: name,
    depth: opened.structure.depth(weights.names),
    parameters: { total, vision, text, structure: total - sum(/./) },
    memory: {
      stored: storedBytes(opened),
      weights: { fp32: total * 4, half: total * 2 },
      clip: frames * size * size * 3,
      ...(canSplit(opened) && { sharedFrame: featureRows(opened) * width * 4 }),
    },
    frames,
    flops: countFlops(opened, frames),
    published: {
      ...(cost !== undefined && { cost }),
      results: PUBLISHED_RESULTS.filter((result) => result.structure === name),
    },
  }
}

function digestsOf(model: string): Record<Precision, string> {
  const of = (precision: Precision): string => computedDigest(model, precision)
  return { fp32: of('fp32'), bf16: of('bf16'), fp16: of('fp16'), int8: of('int8') }
}

function storedBytes({ weights }: OpenModel): Record<string, number> {
  const bytes: Record<string, number> = {}
  for (const name of weights.names) {
    const tensor = weights.stored?.(name)
    if (tensor === undefined) continue
    bytes[tensor.dtype] = (bytes[tensor.dtype] ?? 0) + elements(tensor.shape) * DTYPE_BYTES[tensor.dtype]
  }
  return bytes
}
