import { constants, type Stats } from 'node:fs'
import { lstat, open, stat } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import type { Video } from '../../../domain.js'
import { StanflowError } from '../../../errors.js'
import { inputError, systemCode } from '../fs-errors.js'
import { fingerprint } from './fingerprint.js'

/** An input that is no video to be read, and why. */
export interface BadInput {
  readonly source: string
  readonly path: string
  readonly error: StanflowError
}

/** Answers with the fingerprint of a file known by name, size and modification time. */
export type Known = (source: string, bytes: number, modifiedMs: number) => string | undefined

/** A path's stable name: relative to `root`, with forward slashes, when inside it; else absolute. */
export function sourceOf(path: string, root: string | undefined): string {
  if (root === undefined) return path.replaceAll(sep, '/')
  const inside = relative(root, path)
  const isOutside = inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)
  return (isOutside ? path : inside).replaceAll(sep, '/')
}

/**
 * Follows symbolic links.
 * @throws StanflowError INPUT_NOT_FOUND, INPUT_PERMISSION, INPUT_READ
 */
export async function look(path: string): Promise<Stats> {
  try {
    return await stat(path)
  } catch (error) {
    const isLink = systemCode(error) === 'ENOENT' && (await isSymbolicLink(path))
    if (!isLink) throw inputError(path, error)
    throw new StanflowError('INPUT_NOT_FOUND', `${path} is a symbolic link to nothing.`, { cause: error })
  }
}

/** A regular, readable file with bytes in it becomes a video; whether it is one, its content tells later. */
export async function inspect(
  path: string,
  root: string | undefined,
  known: Known,
): Promise<Video | BadInput> {
  const source = sourceOf(path, root)
  try {
    const first = await look(path)
    assertFile(path, first)
    const unchanged = known(source, first.size, first.mtimeMs)
    if (unchanged !== undefined) {
      return { source, path, bytes: first.size, modifiedMs: first.mtimeMs, fingerprint: unchanged }
    }
    // O_NONBLOCK: should a pipe have taken the file's place, opening it must not wait for a writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const facts = await file.stat()
      assertFile(path, facts)
      const { size: bytes, mtimeMs: modifiedMs } = facts
      return { source, path, bytes, modifiedMs, fingerprint: await fingerprint(file, bytes) }
    } finally {
      await file.close()
    }
  } catch (error) {
    return { source, path, error: inputError(path, error) }
  }
}

function assertFile(path: string, facts: Stats): void {
  if (facts.isDirectory()) throw new StanflowError('INPUT_NOT_A_FILE', `${path} is a folder.`)
  if (!facts.isFile()) {
    throw new StanflowError('INPUT_NOT_A_FILE', `${path} is a pipe, socket or device.`, {
      hint: 'Name a regular file.',
    })
  }
  if (facts.size === 0) throw new StanflowError('INPUT_EMPTY', `${path} is empty.`)
}

async function isSymbolicLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (facts) => facts.isSymbolicLink(),
    () => false,
  )
}
