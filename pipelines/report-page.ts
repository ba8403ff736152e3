import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { outputError } from '../src/connect/files/fs-errors.js'
import { makeFolder } from '../src/disk/folder.js'
import { StanflowError } from '../src/errors.js'

/**
 * Writes a page piece by piece under a temporary name, then gives it its own; after an error nothing is left.
 * @returns its size in bytes
 * @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE; the signal's reason once it aborts
 */
export async function writePage(
  out: string,
  page: AsyncIterable<string>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const folder = dirname(out)
  const temporary = join(folder, `.tmp-${randomBytes(6).toString('hex')}-${basename(out)}`)
  try {
    await makeFolder(folder)
    const file = createWriteStream(temporary, { flags: 'wx' })
    await pipeline(page, file, signal === undefined ? {} : { signal })
    await rename(temporary, out)
    return file.bytesWritten
  } catch (error) {
    // Where the folder itself has gone, this fails too; the first error says why.
    await rm(temporary, { force: true }).catch(() => undefined)
    signal?.throwIfAborted()
    throw error instanceof StanflowError ? error : outputError(out, error)
  }
}
