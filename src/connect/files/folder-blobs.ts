import type { Dirent } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Blobs, Held, Lock } from '../blobs.js'
import { who } from '../holder.js'
import { isTemporary, writeNew, writeWhole } from './atomic.js'
import { outputError, systemCode } from './fs-errors.js'
import { liveHolder, takeLock } from './lock.js'
import { makeOutputFolder } from './output-folder.js'

/** Files in a folder of this machine, made when it is opened. */
export class Folder implements Blobs {
  readonly location: string

  constructor(dir: string) {
    this.location = dir
  }

  at(name: string): string {
    return join(this.location, name)
  }

  open(): Promise<void> {
    return makeOutputFolder(this.location)
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.at(name))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw outputError(this.at(name), error)
    }
  }

  write(name: string, bytes: Uint8Array | string): Promise<void> {
    return writeWhole(this.at(name), bytes)
  }

  create(name: string, bytes: Uint8Array | string): Promise<boolean> {
    return writeNew(this.at(name), bytes)
  }

  async remove(name: string): Promise<void> {
    await rm(this.at(name), { force: true }).catch((error: unknown) => {
      throw outputError(this.at(name), error)
    })
  }

  async *list(folder: string): AsyncGenerator<string> {
    for await (const name of this.#walk(folder)) if (!isTemporary(baseName(name))) yield name
  }

  async sweep(): Promise<number> {
    let removed = 0
    for (const folder of ['', 'embeddings', 'labels', 'npy', 'manifest', 'models']) {
      // Other things may lie in the folder: of its own files only those at the top are looked at.
      for await (const name of this.#walk(folder, folder !== '')) {
        if (!isTemporary(baseName(name))) continue
        await this.remove(name)
        removed += 1
      }
    }
    return removed
  }

  lock(name: string, run: string): Promise<Lock> {
    return takeLock(this.at(name), run)
  }

  async names(prefix: string): Promise<readonly string[]> {
    const entries = await entriesOf(this.location)
    return entries.flatMap((entry) => (entry.isFile() && entry.name.startsWith(prefix) ? [entry.name] : []))
  }

  async holders(prefix: string): Promise<readonly Held[]> {
    const held: Held[] = []
    for (const name of await this.names(prefix)) {
      const holder = await liveHolder(this.at(name))
      if (holder !== undefined) held.push({ name, run: holder.run, who: await who(holder) })
    }
    return held
  }

  async *#walk(folder: string, deep = true): AsyncGenerator<string> {
    for (const entry of await entriesOf(this.at(folder))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (!entry.isDirectory()) yield name
      else if (deep) yield* this.#walk(name)
    }
  }
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1)
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return []
    throw outputError(folder, error)
  }
}
