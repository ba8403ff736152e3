import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** One line of a run's log. */
export interface LogLine {
  /** Steps since the run began. */
  readonly total: number
  readonly [field: string]: unknown
}

/** A run's curve, one JSON object a line. */
export class TrainLog {
  readonly #path: string

  /** What lies after `total` steps is of a sitting that was cut off and is taken out: it will be done again. The file is whole at every moment. */
  constructor(path: string, total: number) {
    this.#path = path
    const lines = readLog(path).filter((line) => line.total <= total)
    const unfinished = `${path}.unfinished`
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    writeFileSync(unfinished, text, { flush: true })
    renameSync(unfinished, path)
  }

  write(line: LogLine): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`)
  }
}

/** Whole lines only: a kill may have cut the last. */
export function readLog(path: string): LogLine[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogLine]
      } catch {
        return []
      }
    })
}
