import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import type { Video } from '../../domain.js'
import { asStanflowError, StanflowError } from '../../errors.js'
import { hasVideoExtension } from './discover/extensions.js'
import { type BadInput, inspect, type Known, look, sourceOf } from './discover/inspect.js'
import { isList, readList } from './discover/list.js'
import { identity, Seen } from './discover/seen.js'
import { type Search, walk } from './discover/walk.js'

export type { BadInput } from './discover/inspect.js'

export interface DiscoverOptions {
  /** Sources are named relative to this folder; without it, by their absolute paths. */
  readonly root?: string | undefined
  /** Aborting ends the search after the item at hand. */
  readonly signal?: AbortSignal
  /** A folder that is not searched: the output folder. */
  readonly skip?: string
  /** Spares reading files that are stored and look unchanged. */
  readonly known?: Known
  /** Finds videos elsewhere, by a URI such as `s3://…`, named as an input or in a list. */
  readonly elsewhere?: (uri: string) => AsyncGenerator<Video | BadInput>
}

const URI = /^[a-z][a-z0-9+.-]+:\/\//i

/**
 * Finds videos, lazily: files, folders (searched through), globs, `.txt` and `.jsonl` lists (their paths are relative
 * to the list's folder). What is named but cannot be a video comes as an item with an error, and the search goes on.
 * A file comes once, however often it is named. A glob that ends in `*` takes files called like videos only.
 *
 * @example for await (const item of discover(['videos', 'more/*.mkv'], { root: '.' })) …
 */
export async function* discover(
  inputs: readonly string[],
  options: DiscoverOptions,
): AsyncGenerator<Video | BadInput> {
  const search: Search = {
    root: options.root === undefined || URI.test(options.root) ? undefined : resolve(options.root),
    signal: options.signal ?? new AbortController().signal,
    elsewhere: options.elsewhere,
    known: options.known ?? (() => undefined),
    seen: new Seen(),
    skip:
      options.skip === undefined || URI.test(options.skip) ? undefined : await folderIdentity(options.skip),
    met: { count: 0 },
  }
  for (const input of inputs) {
    if (search.signal.aborted) return
    yield* fromInput(input, search)
  }
}

/** Inputs that name a path that is not there: neither a pattern nor a place elsewhere. */
export async function absentInputs(inputs: readonly string[]): Promise<string[]> {
  const kinds = await Promise.all(
    inputs.map((input) => (URI.test(input) ? undefined : kindOf(input, resolve(input)))),
  )
  return inputs.filter((_, n) => {
    const kind = kinds[n]
    return kind instanceof StanflowError && kind.code === 'INPUT_NOT_FOUND'
  })
}

async function* fromInput(input: string, search: Search): AsyncGenerator<Video | BadInput> {
  if (URI.test(input)) {
    yield* fromElsewhere(input, search)
    return
  }
  const path = resolve(input)
  const kind = await kindOf(input, path)
  if (kind instanceof StanflowError) yield bad(path, search, kind)
  else if (kind === 'glob') yield* atLeastOne(fromGlob(input, search), input, search)
  else if (kind === 'list') yield* atLeastOne(fromList(path, search), input, search)
  else if (kind === 'folder') yield* atLeastOne(walk(path, search), input, search)
  else yield* fromFile(path, search)
}

async function* fromElsewhere(uri: string, search: Search): AsyncGenerator<Video | BadInput> {
  if (search.elsewhere === undefined) {
    const hint = 'Name local files, or s3://BUCKET/PREFIX.'
    yield bad(uri, search, new StanflowError('INPUT_NOT_FOUND', `${uri} cannot be read from here.`, { hint }))
    return
  }
  for await (const item of search.elsewhere(uri)) {
    search.met.count += 1
    if (search.seen.addName(item.path)) yield item
  }
}

async function* fromFile(path: string, search: Search): AsyncGenerator<Video | BadInput> {
  search.met.count += 1
  if (await search.seen.addFile(path)) yield await inspect(path, search.root, search.known)
}

/** A name that exists is that file, even when it looks like a glob. */
async function kindOf(
  input: string,
  path: string,
): Promise<'file' | 'folder' | 'list' | 'glob' | StanflowError> {
  try {
    const facts = await look(path)
    if (facts.isDirectory()) return 'folder'
    return facts.isFile() && isList(path) ? 'list' : 'file'
  } catch (error) {
    const missing = asStanflowError(error)
    return missing.code === 'INPUT_NOT_FOUND' && isDynamicPattern(input) ? 'glob' : missing
  }
}

async function* fromGlob(pattern: string, search: Search): AsyncGenerator<Video | BadInput> {
  const options = { absolute: true, expandDirectories: false, signal: search.signal }
  const anyName = pattern.endsWith('*')
  // Own names first: a file comes by a name that leads through a link only where it has no other.
  for (const followSymbolicLinks of [false, true]) {
    const paths = await glob(pattern, { ...options, followSymbolicLinks })
    for (const path of paths.sort()) {
      if (search.signal.aborted) return
      if (!anyName || hasVideoExtension(path)) yield* fromFile(path, search)
    }
  }
}

async function* fromList(list: string, search: Search): AsyncGenerator<Video | BadInput> {
  try {
    for await (const item of readList(list)) {
      if (search.signal.aborted) return
      if ('error' in item) {
        yield { ...bad(list, search, item.error), source: `${sourceOf(list, search.root)}:${item.line}` }
        continue
      }
      if (URI.test(item.path)) {
        yield* fromElsewhere(item.path, search)
        continue
      }
      const path = resolve(dirname(list), item.path)
      const isFolder = await stat(path).then(
        (facts) => facts.isDirectory(),
        () => false,
      )
      if (isFolder) yield* atLeastOne(walk(path, search), item.path, search)
      else yield* fromFile(path, search)
    }
  } catch (error) {
    yield bad(list, search, asStanflowError(error))
  }
}

/** An input that leads to no video is told; one whose videos came by another input already is not. */
async function* atLeastOne(
  items: AsyncGenerator<Video | BadInput>,
  input: string,
  search: Search,
): AsyncGenerator<Video | BadInput> {
  const before = search.met.count
  yield* items
  if (search.met.count === before && !search.signal.aborted) {
    yield bad(resolve(input), search, new StanflowError('INPUT_NONE', `No video was found by ${input}.`))
  }
}

function bad(path: string, search: Search, error: StanflowError): BadInput {
  search.met.count += 1
  return { source: URI.test(path) ? path : sourceOf(path, search.root), path, error }
}

async function folderIdentity(folder: string): Promise<string | undefined> {
  return stat(folder).then(identity, () => undefined)
}
