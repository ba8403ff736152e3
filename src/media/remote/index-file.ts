import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isUrl } from '../location.js'
import { openUrl } from './http.js'
import { mp4Index } from './mp4-index.js'

/**
 * Where the packets of a file elsewhere can be learnt without fetching it: `use` gets a small file with the same
 * packets. `undefined`: they must be read from the file itself, all of it, as Matroska's, MPEG-TS's and AVI's must.
 */
export async function withIndexFile<T>(
  path: string,
  signal: AbortSignal | undefined,
  use: (index: string | undefined) => Promise<T>,
): Promise<T> {
  const index = isUrl(path) ? await readIndex(path, signal) : undefined
  if (index === undefined) return use(undefined)
  const file = join(tmpdir(), `stanflow-index-${randomUUID()}.mp4`)
  try {
    await writeFile(file, index, { mode: 0o600 })
    return await use(file)
  } finally {
    await rm(file, { force: true })
  }
}

async function readIndex(url: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  const file = await openUrl(url, signal)
  return mp4Index((start, length) => file.readAt(start, length), file.bytes)
}
