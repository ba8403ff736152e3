import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { type ErrorCode, StanflowError } from '../../errors.js'

/** Tells what an import made from anything else, and what it was made of. */
export const PROVENANCE = 'provenance.json'

/**
 * Fills a folder out of sight and gives it its name when it is whole; a failure leaves nothing. What crashed before is
 * cleared away. @throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION, OUTPUT_WRITE, and what `fill` throws
 */
export async function stageFolder<T>(to: string, fill: (folder: string) => Promise<T>): Promise<T> {
  const target = resolve(to)
  const hidden = (pid: number | string): string => join(dirname(target), `.${basename(target)}.making-${pid}`)
  const folder = hidden(process.pid)
  try {
    await mkdir(dirname(target), { recursive: true })
    await clearDead(dirname(target), `${basename(hidden(''))}`)
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

/** A folder cannot be renamed over one that has files: the old one steps aside, and goes once the new one is there. */
async function replaceFolder(target: string, folder: string): Promise<void> {
  const aside = `${folder}-old`
  const replaces = existsSync(target)
  if (replaces) await rename(target, aside)
  await rename(folder, target)
  if (replaces) await rm(aside, { recursive: true, force: true })
  await syncFolder(dirname(target))
}

async function clearDead(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN
    if (pid > 0 && !isAlive(pid)) await rm(join(parent, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Some file systems refuse fsync on a folder; there a rename is as durable as they are. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
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
