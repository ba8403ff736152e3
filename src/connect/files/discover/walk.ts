import type { Dirent } from 'node:fs'
import { opendir, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Video } from '../../../domain.js'
import { inputError } from '../fs-errors.js'
import { hasVideoExtension } from './extensions.js'
import { type BadInput, inspect, type Known, look, sourceOf } from './inspect.js'
import { identity, type Seen } from './seen.js'

/** What a search carries along. */
export interface Search {
  readonly root: string | undefined
  readonly signal: AbortSignal
  readonly known: Known
  readonly seen: Seen
  /** Identity of a folder that is not searched. */
  readonly skip: string | undefined
  readonly elsewhere?: ((uri: string) => AsyncGenerator<Video | BadInput>) | undefined
  /** Videos and bad inputs met so far, those that came before by another name included. */
  readonly met: { count: number }
}

/**
 * The videos of a folder and those below it, each folder in name order, one folder's names in memory at a time (and
 * its ancestors'). Hidden names are passed over; symbolic links out of the folder are followed, those to what the
 * search meets by its own name are not; each folder is visited once.
 */
export async function* walk(folder: string, search: Search, top?: string): AsyncGenerator<Video | BadInput> {
  let entries: Dirent[]
  let real: string
  try {
    const facts = await look(folder)
    // Named itself, it is searched all the same: results are no videos.
    if (identity(facts) === search.skip && top !== undefined) return
    if (!search.seen.addFolder(facts)) {
      search.met.count += 1
      return
    }
    real = await realpath(folder)
    entries = await videosAndFolders(folder)
  } catch (error) {
    search.met.count += 1
    yield { source: sourceOf(folder, search.root), path: folder, error: inputError(folder, error) }
    return
  }
  for (const entry of entries) {
    if (search.signal.aborted) return
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink() && (await isMetByName(path, top ?? real))) continue
    if (hasVideoExtension(entry.name)) {
      search.met.count += 1
      const isNew = entry.isSymbolicLink()
        ? await search.seen.addFile(path)
        : search.seen.isNewInWalk(join(real, entry.name))
      if (isNew) yield await inspect(path, search.root, search.known)
    } else if (entry.isDirectory() || (await leadsToFolder(path))) {
      yield* walk(path, search, top ?? real)
    }
  }
}

/** Whether a link leads to a video or folder that the search of `top` meets without the link. */
async function isMetByName(link: string, top: string): Promise<boolean> {
  const target = await realpath(link).catch(() => undefined)
  if (target === undefined) return false
  const names = relative(top, target).split(sep)
  const folders = hasVideoExtension(link) ? names.slice(0, -1) : names
  const isReached = !names.some((name) => name.startsWith('.')) && !folders.some(hasVideoExtension)
  return isReached && (folders === names || hasVideoExtension(target))
}

/** Sorted by name; of the plain files only those called like a video. */
async function videosAndFolders(folder: string): Promise<Dirent[]> {
  const entries: Dirent[] = []
  for await (const entry of await opendir(folder, { bufferSize: 512 })) {
    if (entry.name.startsWith('.')) continue
    if (!entry.isFile() || hasVideoExtension(entry.name)) entries.push(entry)
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function leadsToFolder(path: string): Promise<boolean> {
  return look(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  )
}
