import { existsSync, readFileSync, statSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../disk/folder.js'
import { syncFolder } from '../../disk/sync.js'
import { StanflowError } from '../../errors.js'
import { parseClipConfig } from '../config.js'
import { importModel } from '../import/import.js'
import { hashFile, shardNames } from '../import/sources.js'
import { writeError } from '../import/staging.js'
import { openModel } from '../load.js'
import { findCached, listCached, repoFolder, snapshotFolder, writeFacts, writeRef } from './cache.js'
import { download } from './download.js'
import type { HubClient } from './http.js'
import { fileAddress, type HubFile, type Listing, listFiles } from './listing.js'
import { isReady, type Plan, planFiles } from './plan.js'
import { isCommit, type Repo, repoName } from './repo.js'

export interface PullRequest {
  readonly repo: Repo
  readonly cache: string
  readonly client: HubClient
  /** Use the cache only. */
  readonly offline: boolean
  readonly version: string
  /** Keeps two pulls of one model apart. */
  readonly lock: (folder: string) => Promise<{ release(): Promise<void> }>
  readonly onProgress?: (progress: {
    readonly bytes: number
    readonly total: number
    readonly what: string
  }) => void
}

export interface PulledModel {
  readonly repo: string
  readonly commit: string
  /** A model folder. */
  readonly folder: string
  /** True where nothing had to be fetched. */
  readonly unchanged: boolean
}

/**
 * Brings a CLIP from a Hugging Face hub, or a server like it, into the cache. Under its commit's name the model is there whole
 * and checked, or not at all; what was fetched before an interruption is kept beside it and not fetched again.
 * @throws StanflowError HUB_*, MODEL_*, OUTPUT_*; the client's signal's reason once it aborts
 */
export async function pullModel(request: PullRequest): Promise<PulledModel> {
  const { repo, cache, client, offline } = request
  const cached = findCached(cache, repo)
  // A commit never changes; branches and tags do.
  if (cached !== undefined && (offline || isCommit(repo.revision))) return pulled(repo, cached, true)
  if (offline)
    throw new StanflowError(
      'HUB_OFFLINE',
      `${repoName(repo)} is not in the cache ${cache}, and stanflow is offline`,
    )

  const listing = await listFiles(client, repo)
  const folder = snapshotFolder(cache, repo, listing.commit)
  if (existsSync(folder)) {
    await writeRef(cache, repo, listing.commit)
    return pulled(repo, folder, true)
  }
  const plan = planFiles(listing, repoName(repo))
  const pulling = join(repoFolder(cache, repo), `.pulling-${listing.commit}`)
  let unchanged = false
  try {
    const lock = await lockFolder(request, pulling)
    try {
      // Another pull may have brought it while this one looked at the listing.
      if (existsSync(folder)) unchanged = true
      else {
        await fetchFiles(request, listing, plan, pulling)
        await assemble(request, listing, plan, pulling, folder)
      }
      await writeRef(cache, repo, listing.commit)
      // Still locked: whoever comes next must not find half of it.
      await rm(pulling, { recursive: true, force: true })
    } finally {
      await lock.release()
    }
    await clearOthers(request)
  } catch (error) {
    throw writeError(pulling, error)
  }
  return pulled(repo, folder, unchanged)
}

async function lockFolder({ lock }: PullRequest, folder: string): ReturnType<PullRequest['lock']> {
  await makeFolder(folder)
  return lock(folder).catch(async (error: unknown) => {
    // A pull that was just done took the folder away with it.
    if (existsSync(folder)) throw error
    await makeFolder(folder)
    return lock(folder)
  })
}

const pulled = ({ id }: Repo, folder: string, unchanged: boolean): PulledModel => ({
  repo: id,
  commit: folder.slice(-40),
  folder,
  unchanged,
})

async function fetchFiles(
  { repo, cache, client, onProgress }: PullRequest,
  listing: Listing,
  plan: Plan,
  folder: string,
): Promise<void> {
  let wanted = [plan.config, ...plan.tokenizer, plan.weights, ...plan.branch]
  let before = 0
  const bring = async (file: HubFile): Promise<void> => {
    const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0)
    const report = (bytes: number): void => onProgress?.({ bytes: before + bytes, total, what: file.name })
    await reuse(cache, file, join(folder, file.name))
    await download(
      client,
      fileAddress(client, repo, listing.commit, file.name),
      file,
      join(folder, file.name),
      report,
    )
    before += file.bytes
  }
  await bring(plan.config)
  const config = join(folder, plan.config.name)
  // Before hundreds of megabytes come of what is no CLIP.
  parseClipConfig(json(config), `${repoName(repo)}/config.json`)
  for (const file of [...plan.tokenizer, ...plan.branch]) await bring(file)
  await bring(plan.weights)
  if (!plan.weights.name.endsWith('.index.json')) return
  const shards = shardsOf(readFileSync(join(folder, plan.weights.name), 'utf8'), listing, repoName(repo))
  wanted = [...wanted, ...shards]
  for (const file of shards) await bring(file)
}

function shardsOf(index: string, { files }: Listing, name: string): readonly HubFile[] {
  let names: readonly string[]
  try {
    names = shardNames(index)
  } catch (cause) {
    throw new StanflowError('MODEL_WEIGHTS', `the index of ${name} names no shards`, { cause })
  }
  return names.map((shard) => {
    const file = files.get(shard)
    if (file === undefined)
      throw new StanflowError('MODEL_NOT_FOUND', `${name} lacks ${shard}, which its index names`)
    return file
  })
}

function json(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new StanflowError('MODEL_CONFIG', `${path} is not JSON`, { cause })
  }
}

/** Makes a model folder of the files, tries it, and gives it its name. */
async function assemble(
  { repo, client, version }: PullRequest,
  listing: Listing,
  plan: Plan,
  pulling: string,
  folder: string,
): Promise<void> {
  const made = join(pulling, '.model')
  await rm(made, { recursive: true, force: true })
  const { signal } = client
  if (!isReady(plan)) await importModel({ source: pulling, to: made, force: true, version }, { signal })
  else {
    await mkdir(made)
    const files = [plan.config, ...plan.tokenizer, ...plan.branch, plan.weights]
    for (const { name } of files) await lend(join(pulling, name), join(made, name))
  }
  const { structure, parameters } = openModel({ model: made, structure: 'auto' })
  const names = ['config.json', 'tokenizer.json', 'model.safetensors', 'branch.safetensors']
  const present = names.filter((name) => existsSync(join(made, name)))
  await writeFacts(made, {
    repo: repo.id,
    commit: listing.commit,
    endpoint: client.endpoint.href,
    structure: structure.name,
    parameters,
    at: new Date().toISOString(),
    files: await Promise.all(
      present.map(async (name) => {
        const path = join(made, name)
        return { name, bytes: statSync(path).size, sha256: await hashFile(path, undefined, signal) }
      }),
    ),
  })
  await rename(made, folder)
  await syncFolder(dirname(folder))
}

/** The same file under a second name: what was fetched stays where it is until all is done. */
async function lend(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to))
}

/** A commit that changes the description leaves the weights as they are: another commit's very file serves, unfetched. */
async function reuse(cache: string, { name, checksum }: HubFile, target: string): Promise<void> {
  if (checksum.kind !== 'sha256' || existsSync(target)) return
  const model = listCached(cache).find(({ files }) =>
    files.some((file) => file.name === name && file.sha256 === checksum.hex),
  )
  if (model !== undefined) await lend(join(model.folder, name), target)
}

/** What pulls of other commits left unfinished, where none is at work on it. */
async function clearOthers({ repo, cache, lock }: PullRequest): Promise<void> {
  const parent = repoFolder(cache, repo)
  for (const name of await readdir(parent)) {
    if (!name.startsWith('.pulling-')) continue
    const held = await lock(join(parent, name)).catch(() => undefined)
    if (held !== undefined) await rm(join(parent, name), { recursive: true, force: true })
    await held?.release()
  }
}
