import { z } from 'zod'

/**
 * What is committed with a partition's offset: how far work on the next record has come, and who works on it. It is how
 * work survives the death of whoever did it.
 */
export interface Note {
  /** Clips of the record at the offset that are committed already. */
  readonly clips: number
  /** Processes that died with the partition at this offset, without getting any further. */
  readonly deaths: number
  /** The process that has the partition open; absent once it let go in order. */
  readonly by?: string
  /** True where that process was at work on the record at the offset, and on no other of the partition. */
  readonly alone?: boolean
  /** What made the clips. */
  readonly recipe?: string
}

const note = z.object({
  clips: z.int().nonnegative(),
  deaths: z.int().nonnegative(),
  by: z.exactOptional(z.string()),
  alone: z.exactOptional(z.boolean()),
  recipe: z.exactOptional(z.string()),
})

export const FRESH: Note = { clips: 0, deaths: 0 }

export const noteText = (of: Note): string => JSON.stringify(of)

/** A note that stanflow did not write counts as none. */
export function parseNote(text: string | undefined): Note {
  if (text === undefined || !text.startsWith('{')) return FRESH
  try {
    return note.parse(JSON.parse(text))
  } catch {
    return FRESH
  }
}

/**
 * The note of a process that takes a partition over. A death counts against the record at the offset until so many
 * have died that it is worked on alone; from then on only deaths at that.
 */
export function takenOver(
  found: Note,
  taker: { me: string; recipe: string; isAlive: (by: string) => boolean; attempts: number },
): Note {
  const { me, recipe, isAlive, attempts } = taker
  const { clips, deaths, by, alone = false } = found
  const died = by !== undefined && by !== me && !isAlive(by)
  const counts = died && (alone || !isSuspect(found, attempts))
  return { clips: found.recipe === recipe ? clips : 0, deaths: deaths + (counts ? 1 : 0), by: me, recipe }
}

/** The note of a process that lets go of a partition in order: what comes after is nobody's death. */
export function letGo({ clips, deaths, recipe }: Note): Note {
  return { clips, deaths, ...(recipe !== undefined && { recipe }) }
}

/** Whether a record is to be worked on alone, so that it is known whose fault another death is. */
export function isSuspect({ deaths }: Note, attempts: number): boolean {
  return deaths >= Math.max(1, attempts - 1)
}
