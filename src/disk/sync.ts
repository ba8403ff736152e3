import { open } from 'node:fs/promises'

/** What file systems say that take no fsync of a folder; there a rename is as durable as they are. */
const REFUSED: ReadonlySet<string | undefined> = new Set(['EINVAL', 'EPERM', 'EBADF', 'ENOTSUP'])

/** Makes renames in a folder durable. @throws what the file system throws */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync()
  } catch (error) {
    if (!REFUSED.has((error as NodeJS.ErrnoException).code)) throw error
  } finally {
    await handle?.close()
  }
}
