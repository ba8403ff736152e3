import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { StanflowError } from '../errors.js'
import type { Answer, Question } from './protocol.js'

type Unnumbered<T> = T extends { id: number } ? Omit<T, 'id'> : never
export type Ask = (question: Unnumbered<Question>, transfer?: readonly ArrayBuffer[]) => Promise<Answer>

/** Pairs questions with answers by id; a worker that dies fails them all. */
export function correspondence(worker: Worker): Ask {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>()
  let next = 0
  let dead: StanflowError | undefined
  worker.on('message', (answer: Answer) => {
    const asked = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) worker.unref()
    if (answer.error === undefined) asked?.resolve(answer)
    else
      asked?.reject(new StanflowError(answer.error.code, answer.error.message, { hint: answer.error.hint }))
  })
  const die = (cause: unknown): void => {
    dead ??= new StanflowError('ENGINE_FAILED', 'the inference thread ended', { cause })
    for (const { reject } of waiting.values()) reject(dead)
    waiting.clear()
  }
  worker.on('error', die)
  void once(worker, 'exit').then(die, die)
  return (question, transfer = []) =>
    new Promise((resolve, reject) => {
      if (dead !== undefined) return reject(dead)
      const id = next++
      waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...question, id }, [...transfer])
    })
}
