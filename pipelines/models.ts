import { statSync } from 'node:fs'
import { join } from 'node:path'
import { LOCK, newRun } from '../src/connect/files/layout.js'
import { takeLock } from '../src/connect/files/lock.js'
import { makeFolder } from '../src/disk/folder.js'
import { StanflowError } from '../src/errors.js'
import { DEFAULT_MODEL_FOLDER } from '../src/model/embedded.js'
import { type CachedModel, cacheFolder, listCached } from '../src/model/hub/cache.js'
import type { HubClient } from '../src/model/hub/http.js'
import { Proxies } from '../src/model/hub/proxy.js'
import { type PulledModel, type PullRequest, pullModel } from '../src/model/hub/pull.js'
import { requireRepo } from '../src/model/hub/repo.js'
import { importModel } from '../src/model/import/import.js'
import type { ImportedModel, ImportHooks, ImportRequest } from '../src/model/import/types.js'
import { openModel } from '../src/model/load.js'
import { locateModel } from '../src/model/locate.js'
import { STAND_INS } from '../src/model/stand-ins.js'
import { VERSION } from '../src/version.js'

export type { PulledModel } from '../src/model/hub/pull.js'
export type { ImportedModel } from '../src/model/import/types.js'

/** Makes a model folder of another project's weights. @throws StanflowError MODEL_*, OUTPUT_* */
export function importWeights(
  request: Omit<ImportRequest, 'version'>,
  hooks: ImportHooks = {},
): Promise<ImportedModel> {
  const clip = request.clip === undefined ? undefined : locateModel(request.clip).folder
  return importModel({ ...request, clip, version: VERSION }, hooks)
}

export interface PullOptions {
  /** `owner/name` or `owner/name@revision`. */
  readonly model: string
  /** Branch, tag or commit; wins over one in `model`. Default: `main`. */
  readonly revision?: string | undefined
  /** Default: HF_ENDPOINT, else the Hugging Face hub. */
  readonly endpoint?: string | undefined
  /** Default: HF_TOKEN. */
  readonly token?: string | undefined
  /** Default: STANFLOW_CACHE, else the user's cache folder. */
  readonly cache?: string | undefined
}

export interface PullHooks {
  readonly onProgress?: (progress: {
    readonly bytes: number
    readonly total: number
    readonly what: string
  }) => void
  /** The server is busy or away: why, and that it is tried again. */
  readonly onNote?: (note: string) => void
  readonly signal?: AbortSignal
  /** How patient to be; times are milliseconds. */
  readonly patience?: Partial<Pick<HubClient, 'attempts' | 'pause' | 'idle'>>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Brings a CLIP from a hub into the cache. @throws StanflowError HUB_*, MODEL_*, OUTPUT_*, USAGE_INVALID */
export async function pull(
  options: PullOptions,
  hooks: PullHooks = {},
  env: Environment = process.env,
): Promise<PulledModel> {
  const { onProgress, onNote, signal = new AbortController().signal, patience } = hooks
  const cache = options.cache ?? cacheFolder(env)
  await makeFolder(cache).catch(() => undefined)
  const proxies = new Proxies(env)
  const client: HubClient = {
    endpoint: endpointOf(options.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    token: options.token ?? (env.HF_TOKEN || undefined),
    signal,
    attempts: 6,
    pause: 500,
    idle: 30_000,
    ...patience,
    userAgent: `stanflow/${VERSION}`,
    proxies,
    onWait: (why, milliseconds) => onNote?.(`${why}; trying again in ${(milliseconds / 1000).toFixed(1)}s`),
  }
  const request: PullRequest = {
    repo: requireRepo(options.model, options.revision),
    cache,
    client,
    offline: isOn(env.STANFLOW_OFFLINE) || isOn(env.HF_HUB_OFFLINE),
    version: VERSION,
    lock: (folder) => takeLock(join(folder, LOCK), newRun()),
    ...(onProgress !== undefined && { onProgress }),
  }
  return pullModel(request).finally(() => proxies.close())
}

/** A model that is there without a path. */
export interface ListedModel {
  /** For `--model`. */
  readonly name: string
  readonly kind: 'embedded' | 'pulled'
  readonly structure: string
  readonly parameters: number
  /** On the disk. */
  readonly bytes: number
  /** Of the weights of a pulled model. */
  readonly sha256?: string
  readonly pulled?: CachedModel
}

/** Embedded models, and those in the cache. */
export function listModels(
  options: { readonly cache?: string | undefined } = {},
  env: Environment = process.env,
): { readonly cache: string; readonly models: readonly ListedModel[] } {
  const cache = options.cache ?? cacheFolder(env)
  const embedded = ['default', ...Object.keys(STAND_INS)].map((name): ListedModel => {
    const { structure, parameters, random } = openModel({ model: name, structure: 'auto' })
    const bytes = random ? 0 : statSync(join(DEFAULT_MODEL_FOLDER, 'model.safetensors')).size
    return { name, kind: 'embedded', structure: structure.name, parameters, bytes }
  })
  const pulled = listCached(cache).map((found): ListedModel => {
    const { structure, parameters } = found
    const sha256 = found.files.find(({ name }) => name === 'model.safetensors')?.sha256
    const bytes = found.files.reduce((sum, file) => sum + file.bytes, 0)
    const name = found.revisions.includes('main')
      ? found.repo
      : `${found.repo}@${found.revisions[0] ?? found.commit}`
    return {
      ...{ name, kind: 'pulled', structure, parameters, bytes },
      ...(sha256 !== undefined && { sha256 }),
      pulled: found,
    }
  })
  return { cache, models: [...embedded, ...pulled] }
}

const isOn = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? '')

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url
  throw new StanflowError('USAGE_INVALID', `${text} is no address of a hub`, {
    hint: 'Write it with its protocol, such as https://hf-mirror.example.com.',
  })
}
