import { rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LOCK, newRun } from '../src/connect/files/layout.js'
import { takeLock } from '../src/connect/files/lock.js'
import { makeOutputFolder } from '../src/connect/files/output-folder.js'
import { isTaken } from '../src/connect/holder.js'
import { StanflowError } from '../src/errors.js'

/**
 * Does something that nobody else may do in a folder at the same time; makes the folder where there is none. The lock of a
 * process that was killed is taken over at once. Folders that it made and where nothing came to be are gone again.
 * @throws StanflowError OUTPUT_LOCKED while another process works there, and what `work` throws
 */
export async function aloneIn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const made = await missing(folder)
  await makeOutputFolder(folder)
  const lock = await takeLock(join(folder, LOCK), newRun()).catch((error: unknown) => {
    if (!isTaken(error)) throw error
    const { message, hint, cause } = error
    throw new StanflowError('OUTPUT_LOCKED', `${folder} is taken: ${message}`, { hint, cause })
  })
  try {
    return await work()
  } finally {
    await lock.release()
    await removeEmpty(made)
  }
}

/** A folder and those above it, as far as they are not there, the innermost first. */
async function missing(folder: string): Promise<string[]> {
  const all: string[] = []
  for (let at = resolve(folder); at !== dirname(at); at = dirname(at)) {
    const isThere = await stat(at).then(
      () => true,
      () => false,
    )
    if (isThere) break
    all.push(at)
  }
  return all
}

async function removeEmpty(folders: readonly string[]): Promise<void> {
  try {
    for (const folder of folders) await rmdir(folder)
  } catch {
    // It holds something.
  }
}
