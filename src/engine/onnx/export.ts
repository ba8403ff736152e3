import protobuf from 'protobufjs/minimal.js'
import { StanflowError } from '../../errors.js'
import { textGraph, videoGraph } from '../../model/graphs.js'
import type { OpenModel } from '../../model/load.js'
import type { LoadRequest } from '../engine.js'
import { emitterFor } from './precision.js'

export interface OnnxExport extends Pick<LoadRequest, 'precision' | 'calibration' | 'frames'> {
  /** Tokens a text is cut or padded to. */
  readonly textLength: number
  readonly version: string
}

/** Protobuf's limit; beyond it ONNX wants its weights in files of their own. */
const MAX_BYTES = 2 ** 31 - 1
const METADATA = 14

/** uint8 RGB frames → unit embeddings, as one ONNX file. @throws StanflowError USAGE_INVALID for one above 2 GB */
export function videoOnnx(model: OpenModel, options: OnnxExport): Uint8Array {
  const { frames } = options
  const notes = { frames: String(frames), pixels: 'uint8 RGB 0..255, frames of a clip one after the other' }
  return file(emitterFor(options)(videoGraph(model, frames), model.weights), model, options, notes)
}

/** int32 token ids and the position of each text's end → unit embeddings, as one ONNX file. */
export function textOnnx(model: OpenModel, options: OnnxExport): Uint8Array {
  const { textLength } = options
  const notes = { tokens: String(textLength), eos: 'position of the end-of-text token in each text' }
  return file(emitterFor(options)(textGraph(model, textLength), model.weights), model, options, notes)
}

/** The graph, and what it is in the file's own notes: fields of a protobuf message may come in any order. */
function file(
  graph: Uint8Array,
  { name, structure, digest, scale }: OpenModel,
  { precision, version }: OnnxExport,
  notes: Readonly<Record<string, string>>,
): Uint8Array {
  const w = protobuf.Writer.create()
  const all = {
    'stanflow.version': version,
    'stanflow.name': name,
    'stanflow.structure': structure.name,
    'stanflow.digest': digest,
    'stanflow.precision': precision,
    'stanflow.scale': String(scale),
    ...Object.fromEntries(Object.entries(notes).map(([key, value]) => [`stanflow.${key}`, value])),
  }
  for (const [key, value] of Object.entries(all)) {
    w.uint32((METADATA << 3) | 2).fork()
    w.uint32(10).string(key).uint32(18).string(value)
    w.ldelim()
  }
  const bytes = Buffer.concat([graph, w.finish()])
  if (bytes.length <= MAX_BYTES) return bytes
  throw new StanflowError(
    'USAGE_INVALID',
    `the model is ${bytes.length} bytes, and one ONNX file holds 2 GB`,
    {
      hint: 'Give --precision fp16.',
    },
  )
}
