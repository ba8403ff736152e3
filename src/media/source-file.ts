import { open, stat } from 'node:fs/promises'
import { StanflowError } from '../errors.js'
import { checkBytes, LIMITS, type MediaLimits } from './limits.js'
import { isUrl } from './location.js'
import { openUrl } from './remote/http.js'

/** Checks that a path can be read as a file with something in it, before any decoder sees it. */
export async function checkSourceFile(path: string, limits: MediaLimits = LIMITS): Promise<void> {
  // Who hands out a URL knows what is behind it.
  if (isUrl(path)) return
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw new StanflowError('INPUT_NOT_A_FILE', `${path} is a folder`)
    if (!found.isFile()) throw new StanflowError('INPUT_NOT_A_FILE', `${path} is no regular file`)
    if (found.size === 0) throw new StanflowError('INPUT_EMPTY', `${path} is empty`)
    checkBytes(path, found.size, limits)
    await (await open(path)).close()
  } catch (error) {
    throw error instanceof StanflowError ? error : fileError(path, error)
  }
}

function fileError(path: string, cause: unknown): StanflowError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new StanflowError('INPUT_NOT_FOUND', `${path} is not there`, { cause })
  if (code === 'EACCES' || code === 'EPERM')
    return new StanflowError('INPUT_PERMISSION', `${path} may not be read`, { cause })
  return new StanflowError('INPUT_READ', `${path} cannot be read`, { cause })
}

/** A file that was probed must still be there when its frames are wanted. @throws StanflowError INPUT_CHANGED */
export async function checkStillThere(path: string): Promise<void> {
  await checkSourceFile(path).catch((cause: unknown) => {
    throw new StanflowError('INPUT_CHANGED', `${path} was there when it was probed, and cannot be read now`, {
      cause,
    })
  })
}

/** What a decoder's refusal to open a file means. */
export async function openingError(path: string, detail: string): Promise<StanflowError> {
  const head = await readHead(path)
  if (head.subarray(4, 8).toString('latin1') === 'ftyp') {
    return new StanflowError('MEDIA_TRUNCATED', `${path} is an MP4 or QuickTime file without its index`, {
      hint: 'Its end is missing, where the index (moov) was to be written: the recording or copy broke off.',
      cause: detail,
    })
  }
  return new StanflowError('MEDIA_NOT_VIDEO', `${path} is not a video`, { cause: detail })
}

async function readHead(path: string): Promise<Buffer> {
  if (isUrl(path)) return (await openUrl(path)).readAt(0, 16)
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
