import { toHuggingFace } from './config.js'
import type { StoredTensor } from './formats/stored.js'
import { partsOf } from './import/names.js'
import type { OpenModel } from './load.js'

/** Under this name an exported file's header holds its `config.json`. */
export const CONFIG_NOTE = 'stanflow.config'

/** A whole model for one safetensors file: CLIP and its temporal structure under Hugging Face's names. */
export interface ExportedTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/** Number types stay as they are in the model's files. Nothing is read yet. */
export function exportTensors(model: OpenModel, version: string): ExportedTensors {
  const tensors = new Map<string, StoredTensor>()
  for (const name of model.weights.names) {
    if (partsOf(name).length > 0) tensors.set(name, model.weights.stored?.(name) ?? asFloat32(model, name))
  }
  return {
    tensors,
    metadata: {
      'stanflow.version': version,
      'stanflow.name': model.name,
      'stanflow.structure': model.structure.name,
      'stanflow.digest': model.digest,
      [CONFIG_NOTE]: JSON.stringify(toHuggingFace(model.config)),
    },
  }
}

function asFloat32({ weights }: OpenModel, name: string): StoredTensor {
  const bytes = (): Buffer => {
    const { buffer, byteOffset, byteLength } = weights.read(name).data
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  return { dtype: 'F32', shape: weights.shape(name) ?? [], bytes }
}
