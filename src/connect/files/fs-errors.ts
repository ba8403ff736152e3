import { type ErrorCode, StanflowError } from '../../errors.js'

/** The system's own code of an error (`ENOENT`, …), or `undefined`: Node's `ERR_…` are mistakes of the program. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined
}

const INPUT: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['INPUT_NOT_FOUND', 'does not exist'],
  ENOTDIR: ['INPUT_NOT_FOUND', 'does not exist: a part of its path is no folder'],
  ELOOP: ['INPUT_NOT_FOUND', 'is a symbolic link that leads to itself'],
  ENAMETOOLONG: ['INPUT_NOT_FOUND', 'does not exist: its name is too long'],
  EACCES: ['INPUT_PERMISSION', 'may not be read by this user'],
  EPERM: ['INPUT_PERMISSION', 'may not be read by this user'],
}

/** What a failed look at an input means: INPUT_NOT_FOUND, INPUT_PERMISSION, else INPUT_READ. */
export function inputError(path: string, cause: unknown): StanflowError {
  if (cause instanceof StanflowError) return cause
  const [code, what] = INPUT[systemCode(cause) ?? ''] ?? ['INPUT_READ', 'cannot be read']
  return new StanflowError(code, `${path} ${what}.`, { cause })
}

const OUTPUT: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['OUTPUT_FULL', 'the disk is full'],
  EDQUOT: ['OUTPUT_FULL', "this user's share of the disk is used up"],
  EFBIG: ['OUTPUT_FULL', 'the file is larger than this user or disk allows'],
  EACCES: ['OUTPUT_PERMISSION', 'this user may not write there'],
  EPERM: ['OUTPUT_PERMISSION', 'this user may not write there'],
  EROFS: ['OUTPUT_PERMISSION', 'the disk is mounted read-only'],
}

/** What a failed write means: OUTPUT_FULL, OUTPUT_PERMISSION, else OUTPUT_WRITE. */
export function outputError(path: string, cause: unknown): StanflowError {
  if (cause instanceof StanflowError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  const [code, what] = OUTPUT[systemCode(cause) ?? ''] ?? ['OUTPUT_WRITE', reason]
  return new StanflowError(code, `Cannot write ${path}: ${what}.`, { cause })
}

/** What failed while a file was made. An error of the system is that of a failed write; any other one, a stop too, stays what it is. */
export const makingError = (path: string, error: unknown): unknown =>
  systemCode(error) === undefined ? error : outputError(path, error)

/** Something in the output folder is not what stanflow wrote there. */
export function corrupt(path: string, what: string, hint?: string, cause?: unknown): StanflowError {
  return new StanflowError('OUTPUT_CORRUPT', `${path} ${what}.`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  })
}
