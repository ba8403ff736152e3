import { stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { glob } from 'tinyglobby'
import { hasVideoExtension } from '../connect/files/discover/extensions.js'
import { StanflowError } from '../errors.js'
import type { DataItem, MissingVideo } from './dataset.js'

/** Videos of a folder, and of the folders in it, by their names. */
export class VideoFolder {
  readonly #byName = new Map<string, string>()

  /** @throws StanflowError INPUT_NOT_FOUND */
  static async open(root: string): Promise<VideoFolder> {
    const facts = await stat(root).catch(() => undefined)
    if (!facts?.isDirectory())
      throw new StanflowError('INPUT_NOT_FOUND', `There is no folder ${root} with videos.`)
    const folder = new VideoFolder()
    const files = await glob('**/*', { cwd: root, expandDirectories: false })
    for (const file of files.sort()) if (hasVideoExtension(file)) folder.#add(resolve(root, file))
    return folder
  }

  /** `a.mov.mp4` is found as `a.mov.mp4`, `a.mov` and `a`: annotations differ in what they leave out. */
  #add(path: string): void {
    for (let name = basename(path); ; name = name.slice(0, -extname(name).length)) {
      if (!this.#byName.has(name)) this.#byName.set(name, path)
      if (!hasVideoExtension(name)) return
    }
  }

  /** By the first of these names that a file has, with or without its ending. */
  find(...names: readonly string[]): string | undefined {
    for (const name of names) {
      const bare = hasVideoExtension(name) ? name.slice(0, -extname(name).length) : name
      const path = this.#byName.get(name) ?? this.#byName.get(bare)
      if (path !== undefined) return path
    }
    return undefined
  }
}

/** Items whose videos are there, and the others. */
export function locate(
  wanted: Iterable<Omit<DataItem, 'path'> & { readonly path: string | undefined }>,
  lookedFor: (id: string) => string = (id) => id,
): { items: DataItem[]; missing: MissingVideo[] } {
  const items: DataItem[] = []
  const missing = new Map<string, MissingVideo>()
  for (const { path, ...item } of wanted) {
    if (path === undefined) missing.set(item.id, { id: item.id, wanted: lookedFor(item.id) })
    else items.push({ ...item, path })
  }
  return { items, missing: [...missing.values()] }
}
