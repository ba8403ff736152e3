import { randomBytes } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from '../../disk/folder.js'
import { StanflowError } from '../../errors.js'
import { outputError } from './fs-errors.js'

/**
 * Finds out before the work whether its result can be written: makes the folder where it is missing, and for a moment a
 * file in it. What is at `path` stays as it is.
 * @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE
 */
export async function checkWritable(path: string): Promise<void> {
  const facts = await stat(path).catch(() => undefined)
  if (facts?.isDirectory())
    throw new StanflowError('OUTPUT_WRITE', `Cannot write ${path}: it is a folder.`, {
      hint: 'Name a file in it.',
    })
  const folder = dirname(path)
  const probe = join(folder, `.tmp-${randomBytes(6).toString('hex')}-${basename(path)}`)
  try {
    await makeFolder(folder)
    const file = await open(probe, 'wx')
    await file.close()
  } catch (error) {
    throw outputError(path, error)
  } finally {
    await rm(probe, { force: true }).catch(() => undefined)
  }
}
