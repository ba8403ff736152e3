import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../disk/folder.js'
import { writeSynced } from '../import/staging.js'
import { isCommit, type Repo } from './repo.js'

/** What was pulled into a folder of the cache; `pulled.json` in it. */
export interface PulledFacts {
  readonly repo: string
  readonly commit: string
  readonly endpoint: string
  readonly structure: string
  readonly parameters: number
  /** ISO 8601. */
  readonly at: string
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[]
}

/** A whole model in the cache. */
export interface CachedModel extends PulledFacts {
  readonly folder: string
  /** Branches and tags that pointed at it when they were last pulled. */
  readonly revisions: readonly string[]
}

const FACTS = 'pulled.json'
const REFS = 'refs'

/** Where pulled models are kept: STANFLOW_CACHE, else XDG_CACHE_HOME, else `~/.cache`. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (env.STANFLOW_CACHE) return env.STANFLOW_CACHE
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stanflow')
}

/** The folder of one model, with a folder for each commit in it. */
export const repoFolder = (cache: string, { id }: Pick<Repo, 'id'>): string =>
  join(cache, 'models', id.replace('/', '--'))

export const snapshotFolder = (cache: string, repo: Pick<Repo, 'id'>, commit: string): string =>
  join(repoFolder(cache, repo), commit)

/** The model's folder, if it was pulled: at the commit named, or at what the branch or tag was then. */
export function findCached(cache: string, repo: Repo): string | undefined {
  const commit = isCommit(repo.revision) ? repo.revision : readRef(cache, repo)
  const folder = commit === undefined ? undefined : snapshotFolder(cache, repo, commit)
  return folder !== undefined && existsSync(join(folder, FACTS)) ? folder : undefined
}

const refFile = (cache: string, repo: Repo): string =>
  join(repoFolder(cache, repo), REFS, encodeURIComponent(repo.revision ?? 'main'))

function readRef(cache: string, repo: Repo): string | undefined {
  const file = refFile(cache, repo)
  const commit = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
  return isCommit(commit) ? commit : undefined
}

/** Remembers which commit a branch or tag stood for. */
export async function writeRef(cache: string, repo: Repo, commit: string): Promise<void> {
  if (isCommit(repo.revision)) return
  const file = refFile(cache, repo)
  const temporary = `${file}.${process.pid}`
  await makeFolder(dirname(file))
  await writeFile(temporary, `${commit}\n`)
  await rename(temporary, file)
}

export const writeFacts = (folder: string, facts: PulledFacts): Promise<void> =>
  writeSynced(join(folder, FACTS), `${JSON.stringify(facts, null, 2)}\n`)

/** Every whole model in the cache, by name and then the newest first. */
export function listCached(cache: string): readonly CachedModel[] {
  const found: CachedModel[] = []
  for (const repo of names(join(cache, 'models'))) {
    const at = join(cache, 'models', repo)
    const refs = names(join(at, REFS)).map((name) => ({
      name: decodeURIComponent(name),
      commit: readFileSync(join(at, REFS, name), 'utf8').trim(),
    }))
    for (const commit of names(at).filter(isCommit)) {
      const facts = readFacts(join(at, commit))
      if (facts === undefined) continue
      const revisions = refs.filter((ref) => ref.commit === commit).map(({ name }) => name)
      found.push({ ...facts, folder: join(at, commit), revisions })
    }
  }
  return found.sort((a, b) => a.repo.localeCompare(b.repo) || b.at.localeCompare(a.at))
}

function readFacts(folder: string): PulledFacts | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, FACTS), 'utf8')) as PulledFacts
  } catch {
    return undefined
  }
}

const names = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).sort() : [])
