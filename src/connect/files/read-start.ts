import { open } from 'node:fs/promises'
import { inputError } from './fs-errors.js'

/** So many first bytes of a file, or all of it where there are fewer. @throws StanflowError INPUT_* */
export async function readStart(path: string, bytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      const into = Buffer.alloc(bytes)
      let at = 0
      while (at < bytes) {
        const { bytesRead } = await file.read(into, at, bytes - at, at)
        if (bytesRead === 0) break
        at += bytesRead
      }
      return into.subarray(0, at)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw inputError(path, error)
  }
}
