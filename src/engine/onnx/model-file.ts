import { closeSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Weights } from '../../model/algebra.js'
import type { ModelGraph } from '../../model/graphs.js'
import type { Outside } from './emitter.js'
import type { Emit } from './precision.js'

/** Weights above this do not fit an ONNX file, which holds 2 GB; they go to a file beside it. */
const IN_MEMORY = 1.9e9
const WEIGHTS = 'weights.bin'

/**
 * A graph as an ONNX model for a runtime to read: its bytes, or the path of a file that is there until `read` is done.
 * `limit`: bytes of float32 weights from which it is a file.
 */
export async function withModelFile<T>(
  emit: Emit,
  graph: ModelGraph,
  weights: Weights,
  read: (model: Uint8Array | string) => Promise<T>,
  limit = IN_MEMORY,
): Promise<T> {
  if (floatBytes(weights) < limit) return read(emit(graph, weights))
  const folder = await mkdtemp(join(tmpdir(), 'stanflow-model-'))
  try {
    const file = openSync(join(folder, WEIGHTS), 'w')
    let end = 0
    const outside: Outside = (values) => {
      const offset = end
      for (let at = 0; at < values.length; ) at += writeSync(file, values, at)
      end += values.length
      return { file: WEIGHTS, offset, length: values.length }
    }
    try {
      await writeFile(join(folder, 'model.onnx'), emit(graph, weights, { outside }))
    } finally {
      closeSync(file)
    }
    return await read(join(folder, 'model.onnx'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function floatBytes(weights: Weights): number {
  let bytes = 0
  for (const name of weights.names)
    bytes += 4 * (weights.shape(name) ?? []).reduce((product, side) => product * side, 1)
  return bytes
}
