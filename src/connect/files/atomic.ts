import { randomBytes } from 'node:crypto'
import { link, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from '../../disk/folder.js'
import { syncFolder } from '../../disk/sync.js'
import { StanflowError } from '../../errors.js'
import { outputError, systemCode } from './fs-errors.js'

/** Temporary files: hidden, so that no reader's `*.parquet` meets one, and told by name when a crash leaves one. */
const TEMPORARY = /^\.tmp-[0-9a-f]{12}-/

/** What file systems without hard links say. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name)
}

/**
 * Writes a whole file or none: a temporary name in the same folder, fsync, rename, fsync of the folder. Makes the
 * folder where it is missing, replaces a file of that name.
 * @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE; no temporary file is left then
 */
export async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeBy(rename, path, bytes)
}

/**
 * As `writeWhole`, but a file of that name stays as it is.
 * @returns whether it was written
 */
export async function writeNew(path: string, bytes: Uint8Array | string): Promise<boolean> {
  try {
    await writeBy(
      async (temporary) => {
        // Unlike a rename, a link fails where the name is taken.
        const linked = await link(temporary, path).then(
          () => true,
          (error: unknown) => {
            if (NO_LINKS.has(systemCode(error) ?? '')) return false
            throw error
          },
        )
        if (linked) await rm(temporary)
        else await renameIfNew(temporary, path)
      },
      path,
      bytes,
    )
    return true
  } catch (error) {
    if (error instanceof StanflowError && systemCode(error.cause) === 'EEXIST') return false
    throw error
  }
}

/** As good as it gets where files cannot have two names. */
async function renameIfNew(temporary: string, path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) {
    throw Object.assign(new Error(`${path} is there`), { code: 'EEXIST' })
  }
  await rename(temporary, path)
}

async function writeBy(
  name: (temporary: string, path: string) => Promise<void>,
  path: string,
  bytes: Uint8Array | string,
): Promise<void> {
  const folder = dirname(path)
  const temporary = join(folder, `.tmp-${randomBytes(6).toString('hex')}-${basename(path)}`)
  try {
    await makeFolder(folder)
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await name(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw outputError(path, error)
  }
  await syncFolder(folder).catch((error: unknown) => {
    throw outputError(folder, error)
  })
}
