import { extname } from 'node:path'

export const LABEL_FILE_TYPES = ['.txt', '.jsonl', '.json', '.yaml', '.yml'] as const

/** Whether `--labels` names a file, by its ending, rather than labels themselves. */
export function isLabelFile(value: string): boolean {
  const ending = extname(value).toLowerCase()
  return !value.includes(',') && LABEL_FILE_TYPES.some((type) => type === ending)
}
