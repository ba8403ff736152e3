import type { Stats } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { hasVideoExtension } from './extensions.js'

/**
 * What was yielded already, so that a file named twice comes once, whichever names lead to it. Folders that were
 * walked are remembered as folders, so a walk over a million files costs no memory for each of them.
 */
export class Seen {
  readonly #folders = new Set<string>()
  readonly #files = new Set<string>()

  /** @returns whether the folder is new */
  addFolder(facts: Stats): boolean {
    return addTo(this.#folders, identity(facts))
  }

  /** A file by itself: named, from a list or glob, or behind a symbolic link. @returns whether it is new */
  async addFile(path: string): Promise<boolean> {
    const real = await realpath(path).catch(() => undefined)
    if (real === undefined) return addTo(this.#files, path)
    return addTo(this.#files, real) && !(await this.#wasWalked(real))
  }

  /** Something that is no file of this machine, by its only name. @returns whether it is new */
  addName(name: string): boolean {
    return addTo(this.#files, name)
  }

  /** A file met in the walk of its own folder, by its real path. @returns whether it is new */
  isNewInWalk(path: string): boolean {
    return !this.#files.has(path)
  }

  async #wasWalked(real: string): Promise<boolean> {
    const name = basename(real)
    if (name.startsWith('.') || !hasVideoExtension(name)) return false
    const folder = await stat(dirname(real)).catch(() => undefined)
    return folder !== undefined && this.#folders.has(identity(folder))
  }
}

/** A folder's identity on this machine, whatever its name. */
export function identity(facts: Stats): string {
  return `${facts.dev}:${facts.ino}`
}

function addTo(set: Set<string>, key: string): boolean {
  if (set.has(key)) return false
  set.add(key)
  return true
}
