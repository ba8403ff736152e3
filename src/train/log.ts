import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { outputError } from '../connect/files/fs-errors.js'
import { StanflowError } from '../errors.js'

/** One line of a run's log. */
export interface LogLine {
  /** Steps since the run began. */
  readonly total: number
  readonly [field: string]: unknown
}

/** A run's curve, one JSON object a line. Whatever writes it throws StanflowError OUTPUT_FULL, OUTPUT_PERMISSION or OUTPUT_WRITE. */
export class TrainLog {
  readonly #path: string

  /** What lies after `total` steps is of a sitting that was cut off and is taken out: it will be done again. The file is whole at every moment. */
  constructor(path: string, total: number) {
    this.#path = path
    const lines = readLog(path).filter((line) => line.total <= total)
    const unfinished = `${path}.unfinished`
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    this.#writing(() => {
      writeFileSync(unfinished, text, { flush: true })
      renameSync(unfinished, path)
    })
  }

  write(line: LogLine): void {
    this.#writing(() => appendFileSync(this.#path, `${JSON.stringify(line)}\n`))
  }

  /** Takes a step; one that diverges leaves a line without a loss, which the next sitting takes out. @throws what the step throws */
  async during<T>(line: LogLine, step: () => T | Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      if (error instanceof StanflowError && error.code === 'TRAIN_DIVERGED')
        this.write({ ...line, loss: null })
      throw error
    }
  }

  #writing(write: () => void): void {
    try {
      write()
    } catch (error) {
      throw outputError(this.#path, error)
    }
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
