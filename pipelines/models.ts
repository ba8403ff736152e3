import { importModel } from '../src/model/import/import.js'
import type { ImportedModel, ImportHooks, ImportRequest } from '../src/model/import/types.js'
import { VERSION } from '../src/version.js'

export type { ImportedModel } from '../src/model/import/types.js'

/** Makes a model folder of another project's weights. @throws StanflowError MODEL_*, OUTPUT_* */
export function importWeights(
  request: Omit<ImportRequest, 'version'>,
  hooks: ImportHooks = {},
): Promise<ImportedModel> {
  return importModel({ ...request, version: VERSION }, hooks)
}
