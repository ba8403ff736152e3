import { rename, rm } from 'node:fs/promises'
import { dirname, join, parse } from 'node:path'
import { writeWhole } from '../src/connect/files/atomic.js'
import { outputError } from '../src/connect/files/fs-errors.js'
import type { Precision } from '../src/engine/engine.js'
import { type OnnxExport, textOnnx, videoOnnx } from '../src/engine/onnx/export.js'
import { StanflowError } from '../src/errors.js'
import { exportTensors } from '../src/model/export.js'
import { byteSize } from '../src/model/formats/stored.js'
import { writeSafetensors } from '../src/model/formats/write-safetensors.js'
import { type OpenModel, openModel } from '../src/model/load.js'
import { VERSION } from '../src/version.js'

export interface ExportOptions {
  readonly model: string
  readonly branch?: string | undefined
  readonly structure: string
  readonly format: 'onnx' | 'safetensors'
  /** The file to write. An ONNX text graph goes beside it: `clip.onnx` and `clip.text.onnx`. */
  readonly to: string
  /** ONNX: frames in a clip. */
  readonly frames: number
  /** ONNX: what the graph computes in. */
  readonly precision: Precision
  readonly calibration?: string | undefined
}

export interface ExportHooks {
  readonly onProgress?: (progress: { readonly bytes: number; readonly total: number }) => void
  readonly signal?: AbortSignal
}

export interface ExportedModel {
  readonly structure: string
  readonly digest: string
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256?: string }[]
}

/** As long as the runs' own texts. */
const TEXT_LENGTH = 32

/** Writes a model for other programs, each file whole or not at all. @throws StanflowError MODEL_*, OUTPUT_*, USAGE_INVALID */
export async function exportModel(options: ExportOptions, hooks: ExportHooks = {}): Promise<ExportedModel> {
  const model = openModel(options)
  const files =
    options.format === 'onnx' ? await onnx(model, options) : [await safetensors(model, options.to, hooks)]
  return { structure: model.structure.name, digest: model.digest, files }
}

async function onnx(model: OpenModel, options: ExportOptions): Promise<ExportedModel['files']> {
  const { frames, to, precision, calibration } = options
  const { maxFrames, name } = model.structure
  if (frames > maxFrames)
    throw new StanflowError('USAGE_INVALID', `${name} takes at most ${maxFrames} frames, not ${frames}`)
  const { dir, name: stem, ext } = parse(to)
  const wish: OnnxExport = {
    precision,
    frames,
    ...(calibration !== undefined && { calibration }),
    textLength: Math.min(TEXT_LENGTH, model.config.text.positions),
    version: VERSION,
  }
  const write = async (path: string, bytes: Uint8Array) => {
    await writeWhole(path, bytes)
    return { path, bytes: bytes.length }
  }
  // A calibration is of the video side; texts stay in floating point.
  const text: OnnxExport = { ...wish, precision: precision === 'int8' ? 'fp32' : precision }
  return [
    await write(to, videoOnnx(model, wish)),
    await write(join(dir, `${stem}.text${ext}`), textOnnx(model, text)),
  ]
}

async function safetensors(
  model: OpenModel,
  to: string,
  { onProgress, signal }: ExportHooks,
): Promise<ExportedModel['files'][number]> {
  const { tensors, metadata } = exportTensors(model, VERSION)
  const total = [...tensors.values()].reduce((sum, tensor) => sum + byteSize(tensor), 0)
  const temporary = join(dirname(to), `.tmp-${process.pid}-${parse(to).base}`)
  let bytes = 0
  try {
    const written = await writeSafetensors(temporary, tensors, {
      metadata,
      signal,
      onBytes: (count) => {
        bytes += count
        onProgress?.({ bytes, total: Math.max(bytes, total) })
      },
    })
    await rename(temporary, to)
    return { path: to, ...written }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error instanceof Error && 'syscall' in error ? outputError(to, error) : error
  }
}
