import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { StanflowError } from '../errors.js'
import { DEFAULT_MODEL_FOLDER } from './embedded.js'
import { cacheFolder, findCached } from './hub/cache.js'
import { parseRepo } from './hub/repo.js'

/** Where a model's files are. */
export interface LocatedModel {
  readonly folder: string
  /** The folder's own name, or `owner/name` for a pulled one. */
  readonly name: string
}

/**
 * The folder that `--model` means: the embedded one's for `default`, itself, or the cache's for `owner/name` and `owner/name@revision`. Nothing is fetched.
 * @throws StanflowError MODEL_NOT_FOUND for a model that was not pulled
 */
export function locateModel(model: string): LocatedModel {
  if (model === 'default') return { folder: DEFAULT_MODEL_FOLDER, name: model }
  const folder = resolve(model)
  const repo = parseRepo(model)
  if (repo === undefined || existsSync(folder)) return { folder, name: basename(folder) }
  const cached = findCached(cacheFolder(process.env), repo)
  if (cached !== undefined) return { folder: cached, name: model }
  throw new StanflowError('MODEL_NOT_FOUND', `there is no folder ${model}, and no such model was pulled`, {
    hint: `Check the path, or pull it first: stanflow models pull ${model}`,
  })
}
