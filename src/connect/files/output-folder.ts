import { makeFolder } from '../../disk/folder.js'
import { StanflowError } from '../../errors.js'
import { outputError, systemCode } from './fs-errors.js'

/** Makes the folder that results go to, and those above it. @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE */
export async function makeOutputFolder(path: string): Promise<void> {
  try {
    await makeFolder(path)
  } catch (error) {
    if (!['EEXIST', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw outputError(path, error)
    throw new StanflowError('OUTPUT_WRITE', `Cannot write ${path}: it, or a part of its path, is a file.`, {
      hint: 'Name another folder, or move that file away.',
      cause: error,
    })
  }
}
