import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { makeFolder } from '../../disk/folder.js'
import { syncFolder } from '../../disk/sync.js'
import { type ErrorCode, StanflowError } from '../../errors.js'

/** Tells what an import made from anything else, and what it was made of. */
export const PROVENANCE = 'provenance.json'

/**
 * Fills a folder out of sight and gives it its name when it is whole; a failure leaves nothing. What crashed before is
 * cleared away. @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE, and what `fill` throws
 */
export async function stageFolder<T>(to: string, fill: (folder: string) => Promise<T>): Promise<T> {
  const target = resolve(to)
  const folder = join(dirname(target), `${hiddenPrefix(target)}${process.pid}`)
  try {
    await makeFolder(dirname(target))
    await recoverFolder(target)
    await clearDead(target)
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    const result = await fill(folder)
    await replaceFolder(target, folder)
    return result
  } catch (error) {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    throw writeError(to, error)
  }
}

const hiddenPrefix = (target: string): string => `.${basename(target)}.making-`
const ASIDE = '-old'

/** A folder cannot be renamed over one that has files: the old one steps aside, and goes once the new one is there. */
async function replaceFolder(target: string, folder: string): Promise<void> {
  const aside = `${folder}${ASIDE}`
  const replaces = existsSync(target)
  if (replaces) await rename(target, aside)
  await rename(folder, target)
  if (replaces) await rm(aside, { recursive: true, force: true })
  await syncFolder(dirname(target))
}

/** Who was killed between the two renames left no folder of that name: the old one gets it back. */
export async function recoverFolder(to: string): Promise<void> {
  const target = resolve(to)
  if (existsSync(target)) return
  const aside = (await leftByTheDead(target)).find((name) => name.endsWith(ASIDE))
  if (aside !== undefined) await rename(join(dirname(target), aside), target)
}

async function clearDead(target: string): Promise<void> {
  for (const name of await leftByTheDead(target))
    await rm(join(dirname(target), name), { recursive: true, force: true })
}

/** Names of what processes made beside the target that are no more. */
async function leftByTheDead(target: string): Promise<string[]> {
  const prefix = hiddenPrefix(target)
  const names = await readdir(dirname(target)).catch(() => [] as string[])
  return names.filter((name) => {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    return pid > 0 && !isAlive(pid)
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A small file that is on the disk when this returns. */
export async function writeSynced(path: string, content: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Whether a folder may be written: it is not there, it is empty, or `force` says so for one that an import made. */
export async function checkTarget(to: string, force: boolean): Promise<void> {
  const names: readonly string[] = await readdir(to).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [] as string[]
    if (error.code === 'ENOTDIR') throw new StanflowError('OUTPUT_EXISTS', `${to} is a file, not a folder`)
    throw writeError(to, error)
  })
  if (names.length === 0) {
    await rmdir(to).catch(() => undefined)
    return
  }
  if (!names.includes(PROVENANCE)) {
    throw new StanflowError('OUTPUT_EXISTS', `the folder ${to} holds other files`, {
      hint: 'Give --to a new folder.',
    })
  }
  if (!force) throw new StanflowError('OUTPUT_EXISTS', `the folder ${to} already holds an imported model`)
}

/** What an earlier import wrote about itself, if there is one. */
export async function readProvenance(folder: string): Promise<unknown> {
  return readFile(join(folder, PROVENANCE), 'utf8').then(
    (text) => JSON.parse(text) as unknown,
    () => undefined,
  )
}

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['OUTPUT_FULL', 'the disk is full'],
  EDQUOT: ['OUTPUT_FULL', "this user's share of the disk is used up"],
  EACCES: ['OUTPUT_PERMISSION', 'this user may not write there'],
  EPERM: ['OUTPUT_PERMISSION', 'this user may not write there'],
  EROFS: ['OUTPUT_PERMISSION', 'the disk is mounted read-only'],
}

/** What the file system threw, as ours; everything else stays what it is. */
export function writeError(path: string, error: unknown): unknown {
  if (error instanceof StanflowError || !(error instanceof Error) || !('syscall' in error)) return error
  const [code, what] = CODES[String((error as NodeJS.ErrnoException).code)] ?? ['OUTPUT_WRITE', error.message]
  return new StanflowError(code, `Cannot write ${path}: ${what}.`, { cause: error })
}
